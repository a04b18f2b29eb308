/** What a page of the model may do where it is shown. */
export interface SandboxOptions {
  /** Whether the page's own scripts run, shut in. Default false. */
  readonly scripts?: boolean;
  /**
   * Origins that pictures may be loaded from, besides `data:`. Default: the two services that stand
   * in for pictures. Each sees the address of whoever looks at the page.
   */
  readonly pictures?: readonly string[];
  /** Origins that stylesheets may be loaded from. Default: where the published pages find Tailwind. */
  readonly styles?: readonly string[];
  /** Of the page around it. */
  readonly title?: string;
}

/** A page around a page. */
export interface SandboxedPage {
  /** To be written to a file or served: it holds the model's page in a frame. */
  readonly html: string;
  /** The policy in `html`, for a server that prefers to send it as a header. */
  readonly policy: string;
}

const pictureHosts = [
  'https://picsum.photos',
  'https://fastly.picsum.photos',
  'https://placehold.co',
];
const styleHosts = ['https://cdn.jsdelivr.net'];

/**
 * A page that shows another one without trusting it: in a frame of no origin, which cannot read the
 * page around it, its storage or its cookies, nor open windows, send forms or download; under a
 * policy that lets it load nothing but pictures and styles from the hosts named. The frame inherits
 * the policy, and cannot leave for another address.
 *
 * Scripts stay off unless asked for. With scripts a page can still keep its processor busy, and
 * pictures from the hosts named can carry words to them: name none (`pictures: []`) if that matters.
 *
 * @throws TypeError for an origin that is not one.
 */
export function sandboxPage(html: string, options: SandboxOptions = {}): SandboxedPage {
  const { scripts = false, title = 'Preview' } = options;
  const policy = contentPolicy(options);
  const sandbox = scripts ? 'allow-scripts' : '';
  const page = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">`,
    '<meta name="referrer" content="no-referrer">',
    `<title>${attribute(title)}</title>`,
    '<style>html,body,iframe{margin:0;width:100%;height:100%;border:0;display:block}</style>',
    '</head>',
    '<body>',
    `<iframe sandbox="${sandbox}" referrerpolicy="no-referrer" srcdoc="${attribute(html)}"></iframe>`,
    '</body>',
    '</html>',
    '',
  ];
  return { html: page.join('\n'), policy };
}

/** What the frame may load, as a Content-Security-Policy. */
function contentPolicy({
  scripts = false,
  pictures = pictureHosts,
  styles = styleHosts,
}: SandboxOptions): string {
  const rules = [
    "default-src 'none'",
    `script-src ${scripts ? "'unsafe-inline'" : "'none'"}`,
    `style-src ${["'unsafe-inline'", ...origins(styles)].join(' ')}`,
    `img-src ${['data:', ...origins(pictures)].join(' ')}`,
    'font-src data:',
    "frame-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
  ];
  return rules.join('; ');
}

function origins(hosts: readonly string[]): readonly string[] {
  for (const host of hosts) {
    if (URL.canParse(host) && /^https?:\/\/[^/;,\s'"]+$/.test(host)) continue;
    throw new TypeError(
      `Sandboxing a page: ${JSON.stringify(host)} is no origin; write it as https://example.com`,
    );
  }
  return hosts;
}

function attribute(text: string): string {
  const escapes: Record<string, string> = { '&': '&amp;', '"': '&quot;', '<': '&lt;', '>': '&gt;' };
  return text.replace(/[&"<>]/g, (character) => escapes[character]!);
}
