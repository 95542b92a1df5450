import { readFile } from 'node:fs/promises';
import type { NetworkInterfaceUsage } from '@gantry/api/runtime/v1/api';

/** What an interface of a pod's network counts. */
export interface InterfaceCount {
  readonly name: string;
  readonly received: Readonly<Record<Word, bigint>>;
  readonly sent: Readonly<Record<Word, bigint>>;
}

const WORDS = ['bytes', 'packets', 'errors', 'dropped'] as const;
type Word = (typeof WORDS)[number];

/** Of a process' network namespace, but its loopback; undefined: it has ended. */
export async function interfacesOf(pid: number): Promise<InterfaceCount[] | undefined> {
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseInterfaces(text).filter(({ name }) => name !== 'lo');
}

/** Lines of /proc/net/dev: eight numbers of what came, of which the first four are ours, then as many of what went. */
export function parseInterfaces(text: string): InterfaceCount[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', numbers = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === '') return [];
    const at = numbers.trim().split(/\s+/).map(BigInt);
    const from = (first: number): Record<Word, bigint> =>
      Object.fromEntries(WORDS.map((word, index) => [word, at[first + index] ?? 0n])) as Record<Word, bigint>;
    return [{ name, received: from(0), sent: from(8) }];
  });
}

export const usageOfInterface = ({ name, received, sent }: InterfaceCount): NetworkInterfaceUsage => ({
  name,
  rxBytes: { value: received.bytes },
  rxErrors: { value: received.errors },
  txBytes: { value: sent.bytes },
  txErrors: { value: sent.errors },
});
