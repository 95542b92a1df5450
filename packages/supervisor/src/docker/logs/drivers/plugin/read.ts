import { encodeLine, type LogForm, verdictOn } from '../../frames/form';
import type { LogLine } from '../../json-file';
import type { LogSurroundings, LogTarget } from '../driver';
import { EntryReader } from './entry';
import { logPlugin } from './plugin';

/** Lines that a plugin has kept, as their reader is sent them. */
export type PluginReader = (
  form: LogForm,
  query: { readonly tail: number; readonly follow: boolean; readonly signal: AbortSignal },
) => AsyncGenerator<Buffer>;

/** Go's time of none. */
const NEVER = '0001-01-01T00:00:00Z';

const timeOf = (nanos: bigint): string =>
  `${new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, -5)}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
const told = (nanos: bigint | undefined): string => (nanos === undefined ? NEVER : timeOf(nanos));

/** Undefined for a plugin that cannot be asked, or says that it does not read. */
export async function pluginReader(target: LogTarget, surroundings: LogSurroundings): Promise<PluginReader | undefined> {
  const client = await logPlugin(target, surroundings).catch(() => undefined);
  const answer = await client?.call('LogDriver.Capabilities', {}).catch(() => undefined);
  const { ReadLogs: reads } = (answer?.['Cap'] ?? {}) as { readonly ReadLogs?: unknown };
  if (client === undefined || reads !== true) return undefined;
  return async function* (form, { tail, follow, signal }) {
    const Config = { Since: told(form.since), Until: told(form.until), Tail: tail, Follow: follow };
    const entries = new EntryReader();
    for await (const chunk of client.stream('LogDriver.ReadLogs', { Info: target.info, Config }, signal))
      for (const { stream, line, nanos } of entries.read(chunk)) {
        // As the plugin has it: with its newline, if it has one.
        const read: LogLine = { stream, log: line.toString(), time: timeOf(nanos) };
        const verdict = verdictOn(read.time, form);
        if (verdict === 'late') return;
        if (verdict === 'wanted' && form[stream]) yield encodeLine(read, form);
      }
  };
}
