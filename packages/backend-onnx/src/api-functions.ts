/**
 * The part of ONNX Runtime's C API that we call, as data. The API is one struct of function pointers
 * to which new releases only append, so a place once given stays (onnxruntime_c_api.h, "OrtApi").
 */

/** The API version asked for: the newest this table was checked against, ONNX Runtime 1.30. */
export const apiVersion = 30;

/** `address` is passed in, `result` receives a pointer, `count` a number of bytes or items; a `flag` is a bool. */
export type Parameter =
  | 'address'
  | 'result'
  | 'countResult'
  | 'text'
  | 'texts'
  | 'addresses'
  | 'int32'
  | 'int64s'
  | 'count'
  | 'flag';

/** The place in the struct, and what the function takes. */
export type ApiFunction = readonly [place: number, ...parameters: Parameter[]];

/** All of these return a status: null, or an error to be released. */
export const statusFunctions = {
  CreateEnv: [3, 'int32', 'text', 'result'],
  CreateSessionOptions: [10, 'result'],
  SetIntraOpNumThreads: [24, 'address', 'int32'],
  CreateCustomOpDomain: [26, 'text', 'result'],
  CustomOpDomain_Add: [27, 'address', 'address'],
  AddCustomOpDomain: [28, 'address', 'address'],
  CreateRunOptions: [39, 'result'],
  RunOptionsSetTerminate: [46, 'address'],
  CreateTensorAsOrtValue: [48, 'address', 'int64s', 'count', 'int32', 'result'],
  CreateTensorWithDataAsOrtValue: [
    49,
    'address',
    'address',
    'count',
    'int64s',
    'count',
    'int32',
    'result',
  ],
  GetTensorMutableData: [51, 'address', 'result'],
  GetDimensionsCount: [61, 'address', 'countResult'],
  GetDimensions: [62, 'address', 'int64s', 'count'],
  GetTensorTypeAndShape: [65, 'address', 'result'],
  CreateMemoryInfo: [68, 'text', 'int32', 'int32', 'int32', 'result'],
  CreateCpuMemoryInfo: [69, 'int32', 'int32', 'result'],
  AllocatorFree: [76, 'address', 'address'],
  GetAllocatorWithDefaultOptions: [78, 'result'],
  AddSessionConfigEntry: [130, 'address', 'text', 'text'],
  CreateAllocator: [131, 'address', 'address', 'result'],
  RunWithBinding: [133, 'address', 'address', 'address'],
  CreateIoBinding: [134, 'address', 'result'],
  BindInput: [136, 'address', 'text', 'address'],
  BindOutput: [137, 'address', 'text', 'address'],
  BindOutputToDevice: [138, 'address', 'text', 'address'],
  GetBoundOutputValues: [140, 'address', 'address', 'result', 'countResult'],
  AddInitializer: [150, 'address', 'text', 'address'],
  CreatePrepackedWeightsContainer: [166, 'result'],
  CreateSessionFromArrayWithPrepackedWeightsContainer: [
    169,
    'address',
    'address',
    'count',
    'address',
    'address',
    'result',
  ],
  AppendCudaProvider: [204, 'address', 'address'],
  CreateCUDAProviderOptions: [205, 'result'],
  AddExternalInitializers: [210, 'address', 'texts', 'addresses', 'count'],
  AppendExecutionProvider: [216, 'address', 'text', 'texts', 'texts', 'count'],
  SessionOptionsSetLoadCancellationFlag: [293, 'address', 'flag'],
} as const;
export type StatusFunction = keyof typeof statusFunctions;

/** All of these take back or empty what was created, and return nothing. */
export const releaseFunctions = {
  ReleaseStatus: 93,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseRunOptions: 97,
  ReleaseTensorTypeAndShapeInfo: 99,
  ReleaseSessionOptions: 100,
  ReleaseAllocator: 132,
  ReleaseIoBinding: 135,
  ClearBoundInputs: 141,
  ClearBoundOutputs: 142,
  ReleasePrepackedWeightsContainer: 167,
  ReleaseCUDAProviderOptions: 208,
} as const;
export type ReleaseFunction = keyof typeof releaseFunctions;

/** Both take a status and release nothing. */
export const getErrorCode = 1;
export const getErrorMessage = 2;
