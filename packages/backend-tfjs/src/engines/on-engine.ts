import type { Place, TensorFlow } from './engine.ts';

/**
 * Runs `f` with the engine active. TensorFlow.js has one active engine for the whole process; when
 * the caller's own code has chosen another one, its choice is back in place before anybody notices:
 * `f` cannot be interrupted. The detour costs about half a millisecond.
 */
export function onEngine<T>({ tf, name }: Place, f: () => T): T {
  const before: string | undefined = tf.getBackend();
  if (before === name) return f();
  activate(tf, name);
  try {
    return f();
  } finally {
    if (before) activate(tf, before);
  }
}

/** An engine that has been initialised is active as soon as this returns. */
function activate(tf: TensorFlow, name: string): void {
  void tf.setBackend(name);
}
