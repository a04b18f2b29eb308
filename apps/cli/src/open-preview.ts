import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Shows a page of the model in the browser of the user, in a frame that reaches nothing outside.
 * Returns the file that was opened; it stays in the system's folder for temporary files.
 */
export async function openPreview(html: string, scripts = false): Promise<string> {
  const { webpage } = await import('@lingbi/tasks');
  const { default: open } = await import('open');
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-preview-'));
  const file = join(folder, 'preview.html');
  await writeFile(file, webpage.sandboxPage(html, { scripts }).html);
  await open(pathToFileURL(file).href);
  return file;
}
