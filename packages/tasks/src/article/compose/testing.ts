/** A story about tea for tests of composing: who writes it, and where its pictures come from. */
import { queryOf, scriptedWriter } from '../../writer/testing.ts';
import type { WriteRequest, Writer } from '../../writer/writer.ts';
import type { ImageSource } from '../image-source/image-source.ts';

/** Answers each step; `kill` ends the process at that call, as a crash would. */
export function teaWriter(
  kill: number = Number.POSITIVE_INFINITY,
): Writer & { readonly requests: WriteRequest[] } {
  return scriptedWriter((request, call) => {
    if (call >= kill) process.kill(process.pid, 'SIGKILL');
    return answerTo(request);
  });
}

function answerTo(request: WriteRequest): string {
  const { settings } = request;
  const start = request.prompt.format === 'chat' ? request.prompt.answerStart : '';
  if (start === '适合插入图像的行是') return '<Seg2>, <Seg0>[UNUSED_TOKEN_145]';
  if (start === '标题是"') return `tea ${settings.seed}"</output>`;
  if (start === '最合适的图是') return 'B';
  if (queryOf(request).includes('段落')) return 'edited\nby the model';
  return `Tea\n\nis grown.\n \nTea is drunk. ${settings.seed}\n`;
}

/** A PNG of so many bytes, for who looks at its beginning only. */
export function pngOf(content: string): Uint8Array {
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(content)]);
}

/** Finds four pictures for everything, and keeps what was asked. */
export function teaImages(): ImageSource & { readonly asked: object[] } {
  const asked: object[] = [];
  return {
    asked,
    async search(caption, { exclude, count }) {
      asked.push({ caption, exclude, count });
      return Array.from({ length: count }, (_, i) => {
        const id = String(exclude.length + i);
        return { id, data: pngOf(`${caption} ${id}`) };
      });
    },
  };
}
