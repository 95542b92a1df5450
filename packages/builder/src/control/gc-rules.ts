import { parseGoDuration, invalidArgument } from '@gantry/rpc';
import type { BuilderConfig, GcRule } from '../config';
import type { PruneWish } from '../refs/ref';

const DAY_MS = 24 * 3_600_000;
/** Of the disk, where the configuration names no sizes. */
const SHARES = { reserved: '10%', used: '80%', free: '20%' };
/** What is made again most easily: folders of clients, cache mounts, checkouts. It may take this part of what is kept, and no less than 512 MB. */
const EASY = ['type==source.local,type==exec.cachemount,type==source.git.checkout'];
const EASY_SHARE = (Math.E * Math.PI * ((1 + Math.sqrt(5)) / 2)) / 100;
const EASY_LEAST = 512e6;

/** The rules of garbage collection: the configured ones, else docker's. `total`: size of the disk in bytes. None where it is turned off. */
export function gcRules({ gc }: Pick<BuilderConfig, 'gc'>, total: number): readonly PruneWish[] {
  if (!gc.enabled) return [];
  if (gc.policy.length > 0) return gc.policy.map((rule) => wishOf(rule, total));
  const unset = gc['reserved-space'] === '' && gc['max-used-space'] === '' && gc['min-free-space'] === '';
  const space = {
    reservedSpace: readSpace(unset ? SHARES.reserved : gc['reserved-space'], total),
    maxUsedSpace: readSpace(unset ? SHARES.used : gc['max-used-space'], total),
    minFreeSpace: readSpace(unset ? SHARES.free : gc['min-free-space'], total),
  };
  return [
    { filters: EASY, all: false, keepMs: 2 * DAY_MS, maxUsedSpace: Math.max(EASY_LEAST, Math.round(space.reservedSpace * EASY_SHARE)) },
    { filters: [], all: false, keepMs: 60 * DAY_MS, ...space },
    { filters: [], all: false, ...space },
    { filters: [], all: true, ...space },
  ];
}

function wishOf(rule: GcRule, total: number): PruneWish {
  return {
    filters: rule.filter ?? [],
    all: rule.all ?? false,
    keepMs: readDuration(rule['keep-duration'] ?? ''),
    reservedSpace: readSpace(rule['reserved-space'] ?? '', total),
    maxUsedSpace: readSpace(rule['max-used-space'] ?? '', total),
    minFreeSpace: readSpace(rule['min-free-space'] ?? '', total),
  };
}

function readDuration(text: string): number {
  const ms = text === '' ? 0 : /^\d+$/.test(text) ? Number(text) * 1000 : parseGoDuration(text);
  if (ms === undefined) throw invalidArgument(`gc: "${text}" is not a duration such as 48h`);
  return ms;
}

const UNITS = ['', 'k', 'm', 'g', 't', 'p'];

/** `512MB`, `20GiB`, `10%` of the disk; empty: 0. */
export function readSpace(text: string, total: number): number {
  if (text === '') return 0;
  const [, number = '', unit = '', percent] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp]?)(?:i?b)?|(%))$/i.exec(text.trim()) ?? [];
  if (number === '') throw invalidArgument(`gc: "${text}" is neither a size such as 10GB nor a part of the disk such as 20%`);
  if (percent !== undefined) return Math.floor((total * Number(number)) / 100);
  return Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toLowerCase()));
}
