/**
 * The part of ONNX Runtime's C interface that operators need (onnxruntime_c_api.h): a table of functions
 * whose places never change, and the record that describes an operator.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtValue OrtValue;
typedef struct OrtShape OrtShape;

typedef struct OrtAllocator {
  uint32_t version;
  void *(*alloc)(struct OrtAllocator *, size_t bytes);
  void (*free)(struct OrtAllocator *, void *);
} OrtAllocator;

typedef void *OrtApi[];

/** The version of the interface that these places were checked against. */
enum { ORT_VERSION = 22 };
enum { ORT_ANY = 0, ORT_FLOAT = 1, ORT_UINT8 = 2, ORT_INT8 = 3, ORT_INT32 = 6, ORT_INT64 = 7, ORT_FLOAT16 = 10 };
enum { ORT_REQUIRED = 0, ORT_OPTIONAL = 1 };
enum { ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };

#define ORT_FUNCTION(place, returns, ...) ((returns(*)(__VA_ARGS__))(*ort)[place])
#define ortCreateStatus ORT_FUNCTION(0, OrtStatus *, int, const char *)
#define ortTensorData ORT_FUNCTION(51, OrtStatus *, OrtValue *, void **)
#define ortElementType ORT_FUNCTION(60, OrtStatus *, const OrtShape *, int *)
#define ortRank ORT_FUNCTION(61, OrtStatus *, const OrtShape *, size_t *)
#define ortDimensions ORT_FUNCTION(62, OrtStatus *, const OrtShape *, int64_t *, size_t)
#define ortShape ORT_FUNCTION(65, OrtStatus *, const OrtValue *, OrtShape **)
#define ortIntAttribute ORT_FUNCTION(86, OrtStatus *, const OrtKernelInfo *, const char *, int64_t *)
#define ortFloatAttribute ORT_FUNCTION(85, OrtStatus *, const OrtKernelInfo *, const char *, float *)
#define ortInput ORT_FUNCTION(90, OrtStatus *, const OrtKernelContext *, size_t, const OrtValue **)
#define ortOutput ORT_FUNCTION(91, OrtStatus *, OrtKernelContext *, size_t, const int64_t *, size_t, OrtValue **)
#define ortReleaseShape ORT_FUNCTION(99, void, OrtShape *)
#define ortReleaseAllocator ORT_FUNCTION(132, void, OrtAllocator *)
#define ortParallel ORT_FUNCTION(274, OrtStatus *, const OrtKernelContext *, void (*)(void *, size_t), size_t, size_t, void *)
#define ortAllocator ORT_FUNCTION(278, OrtStatus *, const OrtKernelInfo *, int, OrtAllocator **)
#define ortTensorBytes ORT_FUNCTION(318, OrtStatus *, const OrtValue *, size_t *)

/** Describes an operator. ONNX Runtime asks for each of these; what may be missing is NULL. */
typedef struct OrtCustomOp {
  uint32_t version;
  void *(*createKernel)(const struct OrtCustomOp *, const OrtApi *, const OrtKernelInfo *);
  const char *(*name)(const struct OrtCustomOp *);
  const char *(*provider)(const struct OrtCustomOp *);
  int (*inputType)(const struct OrtCustomOp *, size_t);
  size_t (*inputs)(const struct OrtCustomOp *);
  int (*outputType)(const struct OrtCustomOp *, size_t);
  size_t (*outputs)(const struct OrtCustomOp *);
  void (*compute)(void *, OrtKernelContext *);
  void (*destroyKernel)(void *);
  int (*inputKind)(const struct OrtCustomOp *, size_t);
  int (*outputKind)(const struct OrtCustomOp *, size_t);
  int (*inputMemory)(const struct OrtCustomOp *, size_t);
  int (*variadicInputs)(const struct OrtCustomOp *);
  int (*variadicInputsAlike)(const struct OrtCustomOp *);
  int (*variadicOutputs)(const struct OrtCustomOp *);
  int (*variadicOutputsAlike)(const struct OrtCustomOp *);
  OrtStatus *(*createKernelOrFail)(const struct OrtCustomOp *, const OrtApi *, const OrtKernelInfo *, void **);
  OrtStatus *(*computeOrFail)(void *, OrtKernelContext *);
  OrtStatus *(*inferShapes)(const struct OrtCustomOp *, void *);
  int (*startVersion)(const struct OrtCustomOp *);
  int (*endVersion)(const struct OrtCustomOp *);
  size_t (*mayBeInPlace)(int **, int **);
  void (*releaseInPlace)(int *, int *);
  size_t (*aliases)(int **, int **);
  void (*releaseAliases)(int *, int *);
} OrtCustomOp;
