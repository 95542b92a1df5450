import { readFileSync } from 'node:fs';
import { parseMountInfo } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';

/** Throws invalidArgument when the mount that holds a bind's source cannot propagate as asked: the kernel would ignore it silently. */
export function checkPropagation(source: string, propagation: string, mountinfo = readFileSync('/proc/self/mountinfo', 'latin1')): void {
  const wanted = propagation.replace(/^r/, '');
  if (wanted !== 'shared' && wanted !== 'slave') return;
  const holding = parseMountInfo(mountinfo).filter(
    ({ mountPoint }) => mountPoint === '/' || source === mountPoint || source.startsWith(`${mountPoint}/`),
  );
  const mount = holding.reduce(
    (longest, one) => (one.mountPoint.length >= longest.mountPoint.length ? one : longest),
    holding[0] ?? { mountPoint: '/', propagation: [] },
  );
  const has = (word: string): boolean => mount.propagation.some((text) => text.startsWith(`${word}:`));
  if (has('shared') || (wanted === 'slave' && has('master'))) return;
  throw invalidArgument(
    `path ${source} is mounted on ${mount.mountPoint} but it is not a ${wanted === 'shared' ? 'shared' : 'shared or slave'} mount`,
  );
}
