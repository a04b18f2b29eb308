import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HubAnswerError, RepositoryNotFoundError, RevisionNotFoundError } from './errors.ts';
import { pull } from './pull.ts';
import { modelId } from './test-tools/hub-server.ts';
import { failureOf, type Workbench, workbench } from './test-tools/workbench.ts';

const source = 'modelscope';

function answersWith(bench: Workbench, body: unknown, status = 200): Promise<Error> {
  bench.hub.onList = (_, answer) => {
    answer.writeHead(status).end(JSON.stringify(body));
    return true;
  };
  return failureOf(pull(modelId, { ...bench.options, source }));
}

describe('ModelScope', () => {
  test('delivers the same files, each checked by its sha256', async () => {
    await using bench = await workbench();
    const { folder, revision } = await pull(modelId, { ...bench.options, source });
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{"hidden_size": 8}\n');
    expect(await readFile(join(bench.repository, 'refs/master'), 'utf8')).toBe(revision);
    const asked = bench.hub.asked.map(({ path }) => path);
    expect(asked[0]).toBe(`/api/v1/models/${modelId}/repo/files?Revision=master&Recursive=true`);
    expect(asked).toContain(`/api/v1/models/${modelId}/repo?Revision=master&FilePath=config.json`);
  });

  test('is offline what it was online', async () => {
    await using bench = await workbench();
    const online = await pull(modelId, { ...bench.options, source });
    const offline = await pull(modelId, { ...bench.options, source, offline: true });
    expect(offline.folder).toBe(online.folder);
  });

  test('names a snapshot after its files, because it publishes no commit', async () => {
    await using bench = await workbench();
    const before = await pull(modelId, { ...bench.options, source });
    expect(before.revision).toMatch(/^[0-9a-f]{40}$/);
    bench.hub.files = bench.hub.files.map((file) =>
      file.path === 'config.json' ? { ...file, content: Buffer.from('{}') } : file,
    );
    const after = await pull(modelId, { ...bench.options, source });
    expect(after.revision).not.toBe(before.revision);
  });

  test('is shown its own token, and never that of Hugging Face', async () => {
    await using bench = await workbench();
    const { token: _, ...options } = bench.options;
    const environment = { HF_TOKEN: 'hf_secret', MODELSCOPE_API_TOKEN: 'ms_secret' };
    await pull(modelId, { ...options, source, environment });
    const [first] = bench.hub.asked;
    expect(first!.headers).toMatchObject({
      authorization: 'Bearer ms_secret',
      cookie: 'm_session_id=ms_secret',
    });
    expect(JSON.stringify(bench.hub.asked)).not.toContain('hf_secret');
  });

  test('answers an unknown revision with success and no list, and an unknown repository with 404', async () => {
    await using bench = await workbench();
    const noList = { Code: 200, Success: true, Data: { Files: null } };
    expect(await answersWith(bench, noList)).toBeInstanceOf(RevisionNotFoundError);
    const unknown = await answersWith(bench, {}, 404);
    expect(unknown).toBeInstanceOf(RepositoryNotFoundError);
    expect(unknown.message).toContain('set MODELSCOPE_API_TOKEN');
    const failed = await answersWith(bench, { Success: false, Message: 'maintenance' });
    expect(failed).toBeInstanceOf(HubAnswerError);
    expect(failed.message).toContain('"maintenance"');
    expect(await answersWith(bench, null)).toBeInstanceOf(HubAnswerError);
    const files = { Success: true, Data: { Files: [null] } };
    expect((await answersWith(bench, files)).name).toBe('UnsafeFileNameError');
  });
});
