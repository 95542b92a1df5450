import type { PeerName } from './peers';
import type { ImageRow } from './run';

const PEERS: readonly PeerName[] = ['gantry', 'dockerd', 'ctr'];

/** Gantry's value to the better peer's. */
export function ratio(values: Partial<Record<PeerName, number>>): number {
  const best = Math.min(values.dockerd ?? Infinity, values.ctr ?? Infinity);
  return (values.gantry ?? Number.NaN) / best;
}

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1000).toFixed(2));

export function imageTable(rows: readonly ImageRow[]): string {
  const line = ({ shape, verb, ms, cpuMs }: ImageRow): string =>
    `| ${shape}: ${verb} | ${PEERS.map((peer) => seconds(ms[peer])).join(' | ')} | **${ratio(ms).toFixed(2)}** | ${PEERS.map((peer) => seconds(cpuMs[peer])).join(' | ')} | ${ratio(cpuMs).toFixed(2)} |`;
  return [
    '| seconds | gantry | dockerd | ctr | to the better | cpu: gantry | dockerd | ctr | to the better |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map(line),
  ].join('\n');
}
