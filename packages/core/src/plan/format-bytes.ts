/** `'1.5 GiB'`, `'210 MiB'`: for messages. */
export function formatBytes(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GiB'] : [2 ** 20, 'MiB'];
  const value = bytes / unit;
  return `${value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0)} ${name}`;
}
