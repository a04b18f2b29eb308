import type { Handle } from './api.ts';
import type { Runtime } from './library.ts';
import { type Attributes, ModelWriter } from './model-writer.ts';
import { OnnxSession, type SessionSettings } from './session.ts';
import type { NativeValue } from './values.ts';

/** Memory of a device, for caches. */
export interface DeviceMemory extends Disposable {
  readonly allocator: Handle;
  copy(from: NativeValue, to: NativeValue): Promise<void>;
  /** Writes the positions of one buffer behind those of another, [slots, kvHeads, positions, headDim] each. */
  join(first: NativeValue, second: NativeValue, to: NativeValue): Promise<void>;
}

/** OrtAllocatorType, OrtMemType and the number of the device. */
const DEVICE_ALLOCATOR = 0;
const MEMORY_DEFAULT = 0;
const FIRST_DEVICE = 0;

/**
 * An allocator belongs to a session, and copying on a device is an operator like any other: all
 * come from sessions of the one operator that copies or joins.
 */
export async function openDeviceMemory(
  runtime: Runtime,
  memoryName: string,
  settings: SessionSettings,
): Promise<DeviceMemory> {
  const { api } = runtime;
  const session = await OnnxSession.open(
    runtime,
    'copy',
    bufferGraph('Identity', ['from']),
    [],
    settings,
  );
  let joining: OnnxSession | undefined;
  const openJoining = () =>
    OnnxSession.open(
      runtime,
      'join',
      bufferGraph('Concat', ['first', 'second'], { axis: 2 }),
      [],
      settings,
    );
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
    async join(first, second, to) {
      joining ??= await openJoining();
      joining.bindInput('first', first);
      joining.bindInput('second', second);
      joining.bindOutput('to', to);
      await joining.run();
      joining.unbind();
    },
    [Symbol.dispose]() {
      joining?.[Symbol.dispose]();
      api.release('ReleaseAllocator', allocator);
      session[Symbol.dispose]();
    },
  };
}

/** A graph of one operator over buffers of a cache. */
function bufferGraph(operator: string, inputs: readonly string[], attributes: Attributes = {}) {
  const model = new ModelWriter();
  for (const name of inputs) {
    model.input(name, 'float32', ['slots', 'kvHeads', `${name}Positions`, 'headDim']);
  }
  model.node(operator, inputs, ['to'], attributes);
  model.output('to', 'float32', ['slots', 'kvHeads', 'positions', 'headDim']);
  return {
    model: model.finish(operator),
    inputs: new Set(inputs),
    parameters: [],
    visible: [],
    tableInputs: [],
    needsPrepacking: false,
    usesKernels: false,
  };
}
