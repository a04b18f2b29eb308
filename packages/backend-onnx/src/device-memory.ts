import type { Handle } from './api.ts';
import type { Runtime } from './library.ts';
import { ModelWriter } from './model-writer.ts';
import { OnnxSession, type SessionSettings } from './session.ts';
import type { NativeValue } from './values.ts';

/** Memory of a device, for caches. */
export interface DeviceMemory extends Disposable {
  readonly allocator: Handle;
  copy(from: NativeValue, to: NativeValue): Promise<void>;
}

/** OrtAllocatorType, OrtMemType and the number of the device. */
const DEVICE_ALLOCATOR = 0;
const MEMORY_DEFAULT = 0;
const FIRST_DEVICE = 0;

/**
 * An allocator belongs to a session, and copying on a device is an operator like any other: both
 * come from a session of the one operator that copies.
 */
export async function openDeviceMemory(
  runtime: Runtime,
  memoryName: string,
  settings: SessionSettings,
): Promise<DeviceMemory> {
  const { api } = runtime;
  const session = await OnnxSession.open(runtime, 'copy', copyGraph(), [], settings);
  const doing = `reaching the memory "${memoryName}"`;
  const device = [DEVICE_ALLOCATOR, FIRST_DEVICE, MEMORY_DEFAULT];
  const memory = api.create(doing, 'CreateMemoryInfo', memoryName, ...device);
  const allocator = api.create(doing, 'CreateAllocator', session.handle, memory);
  return {
    allocator,
    async copy(from, to) {
      session.bindInput('from', from);
      session.bindOutput('to', to);
      await session.run();
      session.unbind();
    },
    [Symbol.dispose]() {
      api.release('ReleaseAllocator', allocator);
      session[Symbol.dispose]();
    },
  };
}

function copyGraph() {
  const model = new ModelWriter();
  const shape = ['slots', 'kvHeads', 'capacity', 'headDim'];
  model.input('from', 'float32', shape);
  model.node('Identity', ['from'], ['to']);
  model.output('to', 'float32', shape);
  return {
    model: model.finish('copy'),
    inputs: new Set(['from']),
    parameters: [],
    visible: [],
    tableInputs: [],
    needsPrepacking: false,
  };
}
