import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Picture, readPicture } from '@lingbi/vision';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sandboxPage } from './sandbox-page.ts';
import { sanitizePage } from './sanitize-page.ts';

describe('the page around a page', () => {
  test('holds it as text that cannot leave its attribute', () => {
    const { html } = sandboxPage('"></iframe><script>alert("&amp;")</script>');
    expect(html).toContain(
      'srcdoc="&quot;&gt;&lt;/iframe&gt;&lt;script&gt;alert(&quot;&amp;amp;&quot;)&lt;/script&gt;"',
    );
    expect(html.match(/<script/g)).toBeNull();
  });

  test('lets nothing run unless asked, and never gives an origin', () => {
    expect(sandboxPage('x').html).toContain('<iframe sandbox=""');
    expect(sandboxPage('x').policy).toContain("script-src 'none'");
    expect(sandboxPage('x', { scripts: true }).html).toContain('<iframe sandbox="allow-scripts"');
    expect(sandboxPage('x', { scripts: true }).policy).not.toMatch(/connect-src|\*/);
  });

  test('names the hosts it may ask', () => {
    const { policy } = sandboxPage('x', { pictures: ['https://a.example'], styles: [] });
    expect(policy).toContain('img-src data: https://a.example;');
    expect(policy).toContain("style-src 'unsafe-inline';");
  });

  test.each(["https://a.example; script-src 'unsafe-inline'", '*', 'https://a.example/x', ''])(
    'refuses %j as a host',
    (host) => {
      expect(() => sandboxPage('x', { pictures: [host] })).toThrow('is no origin');
    },
  );
});

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
if (!chromium)
  console.warn('No Chromium at /usr/bin/chromium: previews are not tried in a browser');

/** Colours that say what happened; the model's page paints one strip for each thing it tried. */
const [safe, reached] = [
  [0, 160, 0],
  [220, 0, 0],
] as const;

/** Each tries to get out of the page, in its own strip of 40 pixels. */
const attempts = [
  'parent.document.title = "owned"',
  'top.document.body.innerHTML = ""',
  'localStorage.setItem("a", "b")',
  'if (document.cookie = "a=b", !document.cookie) throw 0',
  'frameElement.remove()',
  'if (!open("about:blank")) throw 0',
  'top.location = SERVER + "/top"',
  'sessionStorage.a = 1',
];

/** What is sent, of which the server would hear. */
const beacons = [
  'fetch(SERVER + "/fetch").catch(() => {})',
  'navigator.sendBeacon(SERVER + "/beacon")',
  'new Image().src = SERVER + "/image"',
  'try { new WebSocket(SERVER.replace("http", "ws") + "/socket") } catch {}',
  'let a = document.createElement("script"); a.src = SERVER + "/script"; document.head.append(a)',
  'let b = document.createElement("iframe"); b.src = SERVER + "/frame"; document.body.append(b)',
  'let c = document.createElement("link"); c.rel = "stylesheet"; c.href = SERVER + "/style"; document.head.append(c)',
  'let d = document.createElement("form"); d.action = SERVER + "/form"; document.body.append(d); try { d.submit() } catch {}',
  'try { import(SERVER + "/module").catch(() => {}) } catch {}',
];

/** Without scripts a page can still ask for things. */
const markup = (server: string) =>
  [
    `<img src="${server}/img"><iframe src="${server}/iframe"></iframe>`,
    `<link rel="stylesheet" href="${server}/link"><object data="${server}/object"></object>`,
    `<div style="background:url(${server}/css)">x</div><video src="${server}/video"></video>`,
    `<base href="${server}/base/"><img src="relative">`,
  ].join('\n');

function hostilePage(server: string): string {
  const tries = attempts.map((code, i) => `attempt(${i}, () => { ${code} });`);
  return `<!doctype html><style>body{margin:0;background:rgb(0,0,200)}i{display:block;height:40px}</style>
<script>
const SERVER = ${JSON.stringify(server)};
function attempt(i, run) {
  let colour = 'rgb(${reached})';
  try { run() } catch { colour = 'rgb(${safe})' }
  document.write('<i style="background:' + colour + '"></i>');
}
${tries.join('\n')}
${beacons.map((code) => `{ ${code} }`).join('\n')}
</script>
${markup(server)}`;
}

describe.skipIf(!chromium)('in Chromium', () => {
  let folder: string;
  let server: Server;
  let address: string;
  const asked: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-preview-'));
    server = createServer(({ url }, response) => {
      asked.push(url!);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** What the page looks like, and what it asked the server for meanwhile. */
  async function show(name: string, html: string) {
    asked.length = 0;
    const [page, shot] = [join(folder, `${name}.html`), join(folder, `${name}.png`)];
    await writeFile(page, html);
    const url = pathToFileURL(page).href;
    await runChromium(folder, [`--screenshot=${shot}`, '--window-size=400,600', url]);
    const picture = await readPicture(await readFile(shot));
    return { at: (y: number) => colourAt(picture, 390, y), asked: [...asked] };
  }

  test('scripts in the sandbox run, and reach nothing outside', async () => {
    const { html } = sandboxPage(hostilePage(address), { scripts: true });
    const shown = await show('sandboxed', html);
    expect(attempts.map((_, i) => shown.at(20 + i * 40))).toEqual(attempts.map(() => safe));
    expect(shown.at(360)).toEqual([0, 0, 200]);
    expect(shown.asked).toEqual([]);
  });

  test('without scripts nothing runs at all', async () => {
    const shown = await show('still', sandboxPage(hostilePage(address)).html);
    expect(shown.at(20)).toEqual([0, 0, 200]);
    expect(shown.asked).toEqual([]);
  });

  test('sanitised, the page asks for pictures alone, and in the sandbox not for those', async () => {
    const { html } = sanitizePage(hostilePage(address));
    expect((await show('clean', html)).asked).toEqual(['/img']);
    expect((await show('clean-and-shut-in', sandboxPage(html).html)).asked).toEqual([]);
  });

  // Chromium may take its picture before the page has asked for all it wants.
  const unhurried = { retry: 3 };
  test(
    'the same page without its sandbox does reach outside, so the proof is one',
    unhurried,
    async () => {
      const shown = await show('open', hostilePage(address));
      expect(attempts.map((_, i) => shown.at(20 + i * 40))).not.toEqual(attempts.map(() => safe));
      expect(shown.asked).toEqual(expect.arrayContaining(['/fetch', '/top']));
    },
  );

  test('a page cannot leave its frame', async () => {
    const leaving = `<meta http-equiv="refresh" content="1;url=${address}/refresh">`;
    const page = `${leaving}<script>setTimeout(() => fetch("${address}/alive"), 100)</script>`;
    expect((await show('leaving', page)).asked).toContain('/refresh');
    expect((await show('kept', sandboxPage(page).html)).asked).toEqual([]);
    const running = `<script>location = "${address}/away"</script>`;
    const shutIn = sandboxPage(running, { scripts: true }).html;
    expect((await show('kept-running', shutIn)).asked).toEqual([]);
  });
});

function colourAt({ width, data }: Picture, x: number, y: number): number[] {
  const start = (y * width + x) * 3;
  return [...data.subarray(start, start + 3)];
}

/** Runs to its end in a profile of its own, without a network service that calls home. */
async function runChromium(folder: string, last: readonly string[]): Promise<void> {
  const profile = await mkdtemp(join(folder, 'profile-'));
  const flags = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...['--hide-scrollbars', '--virtual-time-budget=3000', `--user-data-dir=${profile}`],
  ];
  const child = spawn(chromium!, [...flags, ...last], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`Chromium ended with ${code}:\n${said}`);
}
