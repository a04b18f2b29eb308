import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { PictureDownloadError, WebAddressRefusedError } from '../errors.ts';
import { orAborted, type Reading } from '../reading.ts';
import { isPublicAddress } from './public-address.ts';

/** Which web addresses pictures may be fetched from. Without it, none. */
export interface WebAccess {
  /**
   * Host names: `'example.com'` for that one, `'*.example.com'` for those below it, `'*'` for all
   * with a public address.
   */
  readonly allow: readonly string[];
  /**
   * IP addresses that are permitted although they are private, loopback or link-local: for a picture
   * server of one's own network. None by default.
   */
  readonly allowAddresses?: readonly string[];
  /** How many redirects are followed, each checked like the first address. 5 by default. */
  readonly redirects?: number;
}

/** An address that a host resolved to. The connection must not look the host up again. */
export interface PinnedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * Checks scheme, host and every address that the host resolves to. Returns the addresses: they are
 * the ones to connect to.
 *
 * @throws WebAddressRefusedError naming what was not permitted.
 */
export async function permit(url: URL, web: WebAccess, reading: Reading): Promise<PinnedAddress[]> {
  checkUrl(url, web, reading);
  const addresses = await resolve(url, reading);
  for (const { address } of addresses) {
    if (isPublicAddress(address) || web.allowAddresses?.includes(address)) continue;
    throw new WebAddressRefusedError(
      reading.name,
      `${url.hostname} (${address})`,
      `${url.hostname} is at ${address}, which is not on the public internet. ` +
        'If that is meant, list the address in web.allowAddresses',
    );
  }
  return addresses;
}

function checkUrl(url: URL, web: WebAccess, reading: Reading): void {
  const refuse = (problem: string): never => {
    throw new WebAddressRefusedError(reading.name, url.hostname, problem);
  };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    refuse(`${url.protocol} addresses are not fetched, only http: and https:`);
  }
  if (url.username !== '' || url.password !== '') {
    refuse(
      `it carries a user name or password. Fetch such a ${reading.media.noun} yourself and give its bytes`,
    );
  }
  if (!web.allow.some((pattern) => matches(url.hostname, pattern))) {
    refuse(`the host ${url.hostname} is not in web.allow (${web.allow.join(', ') || 'empty'})`);
  }
}

function matches(hostname: string, pattern: string): boolean {
  if (pattern === '*') return true;
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const wanted = pattern.toLowerCase();
  return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted;
}

async function resolve({ hostname }: URL, reading: Reading): Promise<PinnedAddress[]> {
  const literal = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(literal);
  if (family !== 0) return [{ address: literal, family: family as 4 | 6 }];
  try {
    const found = await orAborted(lookup(hostname, { all: true }), reading.signal);
    return found as PinnedAddress[];
  } catch (cause) {
    reading.signal.throwIfAborted();
    throw new PictureDownloadError(reading.name, undefined, `the host ${hostname} was not found`, {
      cause,
    });
  }
}
