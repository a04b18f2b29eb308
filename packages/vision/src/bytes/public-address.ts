import { BlockList, isIPv4 } from 'node:net';

// IANA's special-purpose registry: this network, private, shared, loopback, link-local (with the
// metadata services of clouds), protocol, documentation, benchmarking, multicast and reserved.
const notPublic4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);

// Only 2000::/3 is handed out to the public internet, and these parts of it are not, or carry an
// IPv4 address inside (Teredo in 2001::/23, 6to4).
const globalUnicast6 = blockList('ipv6', [['2000::', 3]]);
const notPublic6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);

/** Whether an IP address belongs to the public internet. Mapped and translated IPv4 does not count. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !notPublic4.check(address, 'ipv4');
  return globalUnicast6.check(address, 'ipv6') && !notPublic6.check(address, 'ipv6');
}

function blockList(
  family: 'ipv4' | 'ipv6',
  subnets: readonly (readonly [string, number])[],
): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family);
  return list;
}
