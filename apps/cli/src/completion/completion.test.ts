import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../program.ts';
import { bashScript } from './bash-script.ts';
import { describeProgram } from './describe-program.ts';
import { fishScript } from './fish-script.ts';
import { zshScript } from './zsh-script.ts';

const commands = describeProgram(createProgram());

test('the description knows choices, files, texts and what may be given again', () => {
  const chat = commands.find(({ name }) => name === 'chat')!;
  const option = (name: string) => chat.options.find((option) => option.name === name);
  expect(option('--backend')).toMatchObject({ value: ['onnx', 'tfjs', 'reference'] });
  expect(option('--image')).toMatchObject({ value: 'file', repeats: true });
  expect(option('--seed')).toMatchObject({ value: 'text', repeats: false });
  expect(option('--json')).toMatchObject({ value: 'none' });
});

/** Each line: what is typed, and what it becomes. Files are left to the shell. */
const typed: [words: string[], offered: string[]][] = [
  [['ch'], ['chat']],
  [['chat', '--back'], ['--backend']],
  [
    ['chat', '--backend', ''],
    ['onnx', 'tfjs', 'reference'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['help', 'art'], ['article']],
];

function run(shell: string, options: readonly string[], input = ''): string {
  const { stdout, stderr, status } = spawnSync(shell, options, { input, encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}

const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

describe.skipIf(!has('bash'))('bash', () => {
  const ask = (words: string[]) =>
    run(
      'bash',
      ['-s'],
      [
        bashScript(commands),
        `COMP_WORDS=(lingbi ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`,
        `_lingbi; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ].join('\n'),
    );

  test.each(typed)('completes %j', (words, offered) => {
    expect(ask(words).trim().split('\n')).toEqual(offered);
  });

  test('leaves files to the shell', () => {
    expect(ask(['chat', '--image', 'po']).trim()).toBe('');
    expect(ask(['resume', 'me']).trim()).toBe('');
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  const ask = (words: string[]) => {
    const script = `${fishScript(commands)}complete -C 'lingbi ${words.join(' ')}'`;
    return run('fish', ['--no-config', '--command', script]).trim().split('\n');
  };

  test.each(typed)('completes %j', (words, offered) => {
    const names = ask(words).map((line) => line.split('\t')[0]);
    expect(names.toSorted()).toEqual(offered.toSorted());
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  /** What zsh's own functions are asked to complete. */
  const ask = (words: string[]) =>
    run(
      'zsh',
      ['-f', '-s'],
      [
        'compdef() { }; _describe() { print -l $commands }; _arguments() { print -l -- "$@" }',
        zshScript(commands),
        `words=(lingbi ${words.join(' ')} ""); CURRENT=${words.length + 2}; _lingbi`,
      ].join('\n'),
    ).split('\n');

  test('describes the commands', () => {
    expect(ask([])).toContain('article:write an article, with pictures where some are given');
  });

  test('gives each option its description and what follows it', () => {
    const specs = ask(['chat']);
    expect(specs).toContain('--backend[what runs the model]:value:(onnx tfjs reference)');
    expect(specs.find((spec) => spec.startsWith('*--image['))).toMatch(/:file:_files$/);
    expect(specs.at(-2)).toBe('*:file:_files');
  });
});
