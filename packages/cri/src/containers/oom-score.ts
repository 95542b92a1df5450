import { readFile } from 'node:fs/promises';

/** What this process may do about scores, by the kernel's own files. */
export interface ScoreFiles {
  /** /proc/self/status */
  readonly status: string;
  /** /proc/self/uid_map */
  readonly uidMap: string;
  /** /proc/self/oom_score_adj */
  readonly score: string;
}

const SYS_RESOURCE = 1n << 24n;
const LOWEST = -1000;

/** Below what no container's score can be: without CAP_SYS_RESOURCE over the whole machine the kernel lets nobody go below his own. */
export function lowestScore({ status, uidMap, score }: ScoreFiles): number {
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const wholeMachine = /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
  return wholeMachine && (bits & SYS_RESOURCE) !== 0n ? LOWEST : Number(score);
}

let own: Promise<number> | undefined;

/** kubelet's wish, or as near to it as this process may come: a pod that is killed a little earlier is better than one that cannot start. */
export async function possibleScore(wanted: bigint): Promise<bigint> {
  own ??= readOwn();
  const lowest = BigInt(await own);
  return wanted < lowest ? lowest : wanted;
}

async function readOwn(): Promise<number> {
  const [status, uidMap, score] = await Promise.all(
    ['status', 'uid_map', 'oom_score_adj'].map((name) => readFile(`/proc/self/${name}`, 'utf8')),
  );
  return lowestScore({ status: status ?? '', uidMap: uidMap ?? '', score: score ?? '' });
}
