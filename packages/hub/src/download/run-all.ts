/**
 * Runs all of them at once. The first failure aborts the others, is waited for until none of them runs
 * any more, and thrown.
 */
export async function runAll(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const others = new AbortController();
  const linked = AbortSignal.any([signal, others.signal]);
  let failure: { readonly error: unknown } | undefined;
  await Promise.all(
    tasks.map((task) =>
      task(linked).catch((error: unknown) => {
        failure ??= { error };
        others.abort(error);
      }),
    ),
  );
  if (failure) throw failure.error;
}
