import { loadBytes, type WebAccess } from '@lingbi/vision';
import { ImageServiceError } from '../errors.ts';
import type { FoundPicture, ImageSource } from './image-source.ts';

export interface HttpImagesOptions {
  /** Where pictures may be fetched from. Default: the host of the service, at public addresses. */
  readonly web?: WebAccess;
  /** Sent with the search, such as a key. Pictures are fetched without. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The most bytes of a picture. Default 16 MiB. */
  readonly limit?: number;
  /** For a search, and for each picture. Default 30. */
  readonly seconds?: number;
}

/** How much of a caption the service is sent (spec RECIPES §4.4). */
const CAPTION_CHARACTERS = 53;

/**
 * A service that speaks as the demo's did (spec RECIPES §4.4; that one is gone): JSON with `caption`,
 * `exclude` and `need_idxs` is posted, `data.image_urls` and `data.indices` come back. Pictures that
 * cannot be fetched are left out.
 *
 * @throws ImageServiceError from `search` when the service fails or answers something else.
 */
export function httpImages(url: string | URL, options: HttpImagesOptions = {}): ImageSource {
  const service = new URL(url);
  return {
    async search(caption, { exclude, count, signal }) {
      const body = {
        caption: [...caption.trim()].slice(0, CAPTION_CHARACTERS).join(''),
        exclude: exclude.map((id) => (/^\d+$/.test(id) ? Number(id) : id)),
        need_idxs: true,
      };
      const listed = await ask(service, body, options, signal);
      return fetchAll(listed.slice(0, count), service, options, signal);
    },
  };
}

const pictures = {
  noun: 'picture',
  accept: 'image/*',
  types: /^(image\/|application\/octet-stream|binary\/octet-stream)/,
} as const;

interface Listed {
  readonly id: string;
  readonly address: string;
}

async function ask(
  service: URL,
  body: object,
  options: HttpImagesOptions,
  signal: AbortSignal | undefined,
): Promise<Listed[]> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...options.headers },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: deadline(options, signal),
  } as const;
  try {
    const response = await fetch(service, request);
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return listedIn(await response.json());
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ImageServiceError(service.host, cause);
  }
}

function listedIn(reply: unknown): Listed[] {
  const data = (reply as { data?: { image_urls?: unknown; indices?: unknown } } | null)?.data;
  if (!Array.isArray(data?.image_urls) || !Array.isArray(data.indices)) {
    throw new Error('its answer has no data.image_urls and data.indices');
  }
  const { image_urls: addresses, indices } = data;
  return indices.slice(0, addresses.length).map((id: unknown, i: number) => {
    return { id: String(id), address: String(addresses[i]) };
  });
}

/** All at once; one that fails is missing. */
async function fetchAll(
  listed: readonly Listed[],
  service: URL,
  options: HttpImagesOptions,
  signal: AbortSignal | undefined,
): Promise<FoundPicture[]> {
  const { limit = 16 * 1024 * 1024, web = { allow: [service.hostname] } } = options;
  const fetched = await Promise.allSettled(
    listed.map(async ({ id, address }) => {
      const loading = { media: pictures, web, limit, signal: deadline(options, signal) } as const;
      return { id, data: await loadBytes(address, loading) };
    }),
  );
  signal?.throwIfAborted();
  return fetched.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

function deadline({ seconds = 30 }: HttpImagesOptions, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(seconds * 1000);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
