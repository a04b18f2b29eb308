/**
 * The part of ONNX Runtime's C API that we call, as data. The API is one struct of function pointers
 * to which new releases only append, so a place once given stays (onnxruntime_c_api.h, "OrtApi").
 */

/** The API version asked for: the newest this table was checked against, ONNX Runtime 1.30. */
export const apiVersion = 30;

/** `address` is passed in, `result` receives a pointer, `count` a number of bytes or items. */
export type Parameter =
  | 'address'
  | 'result'
  | 'countResult'
  | 'text'
  | 'texts'
  | 'addresses'
  | 'int32'
  | 'int64s'
  | 'count';

export interface ApiFunction {
  /** Place in the struct. */
  readonly place: number;
  readonly parameters: readonly Parameter[];
}

const at = (place: number, ...parameters: Parameter[]): ApiFunction => ({ place, parameters });

/** All of these return a status: null, or an error to be released. */
export const statusFunctions = {
  CreateEnv: at(3, 'int32', 'text', 'result'),
  CreateSessionOptions: at(10, 'result'),
  SetIntraOpNumThreads: at(24, 'address', 'int32'),
  CreateRunOptions: at(39, 'result'),
  RunOptionsSetTerminate: at(46, 'address'),
  CreateTensorAsOrtValue: at(48, 'address', 'int64s', 'count', 'int32', 'result'),
  CreateTensorWithDataAsOrtValue: at(
    49,
    'address',
    'address',
    'count',
    'int64s',
    'count',
    'int32',
    'result',
  ),
  GetTensorMutableData: at(51, 'address', 'result'),
  GetDimensionsCount: at(61, 'address', 'countResult'),
  GetDimensions: at(62, 'address', 'int64s', 'count'),
  GetTensorTypeAndShape: at(65, 'address', 'result'),
  CreateMemoryInfo: at(68, 'text', 'int32', 'int32', 'int32', 'result'),
  CreateCpuMemoryInfo: at(69, 'int32', 'int32', 'result'),
  AllocatorFree: at(76, 'address', 'address'),
  GetAllocatorWithDefaultOptions: at(78, 'result'),
  AddSessionConfigEntry: at(130, 'address', 'text', 'text'),
  CreateAllocator: at(131, 'address', 'address', 'result'),
  RunWithBinding: at(133, 'address', 'address', 'address'),
  CreateIoBinding: at(134, 'address', 'result'),
  BindInput: at(136, 'address', 'text', 'address'),
  BindOutput: at(137, 'address', 'text', 'address'),
  BindOutputToDevice: at(138, 'address', 'text', 'address'),
  GetBoundOutputValues: at(140, 'address', 'address', 'result', 'countResult'),
  AddInitializer: at(150, 'address', 'text', 'address'),
  CreatePrepackedWeightsContainer: at(166, 'result'),
  CreateSessionFromArrayWithPrepackedWeightsContainer: at(
    169,
    'address',
    'address',
    'count',
    'address',
    'address',
    'result',
  ),
  AppendCudaProvider: at(204, 'address', 'address'),
  CreateCUDAProviderOptions: at(205, 'result'),
  AddExternalInitializers: at(210, 'address', 'texts', 'addresses', 'count'),
  AppendExecutionProvider: at(216, 'address', 'text', 'texts', 'texts', 'count'),
} as const satisfies Record<string, ApiFunction>;
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
