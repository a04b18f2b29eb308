/** WebAssembly addresses 4 GiB; TensorFlow.js aborts the process at about 3.8 of them. */
export const WASM_LIMIT: number = 3.8 * 2 ** 30;

/** Beyond this a WebGPU binding computes wrong numbers without an error (its specified default). */
export const WEBGPU_BUFFER_LIMIT: number = 128 * 2 ** 20;
