import { fromTimestamp } from '@gantry/api';
import type { BuildHistoryRecord } from '@gantry/api/moby/buildkit/v1/control';
import { compileFilters } from '@gantry/oci/filter';
import { invalidArgument } from '@gantry/rpc';

/** gRPC's code of what was cancelled. */
const CANCELLED = 1;

type Matches = (record: BuildHistoryRecord) => boolean;

/** Records that filters let through: each is a list of conditions that all hold, over ref, status and repository, and over startedAt, completedAt and duration. */
export function historyFilter(filters: readonly string[]): Matches {
  const each = filters.filter((filter) => filter !== '').map(compile);
  return each.length === 0 ? () => true : (record) => each.some((matches) => matches(record));
}

function compile(filter: string): Matches {
  const fields = filter.split(',');
  const times = fields.flatMap((field) => timeFilter(field) ?? []);
  const rest = fields.filter((field) => timeFilter(field) === undefined).join(',');
  const matches = rest === '' ? undefined : compileFilters([rest]);
  return (record) => times.every((fits) => fits(record)) && matches?.((path) => fieldOf(record, path[0])) !== false;
}

function timeFilter(field: string): Matches | undefined {
  const [, key = '', operator = '', value = ''] = /^([^<>]*?)(>=|<=|>|<)(.*)$/.exec(field) ?? [];
  if (key !== 'startedAt' && key !== 'completedAt' && key !== 'duration') return undefined;
  const span = milliseconds(value);
  const limit = key === 'duration' ? span : span === undefined ? Date.parse(value) : Date.now() - span;
  if (limit === undefined || Number.isNaN(limit))
    throw invalidArgument(key === 'duration' ? `invalid duration ${value}` : `invalid time ${value}`);
  return ({ CreatedAt, CompletedAt }) => {
    const started = CreatedAt === undefined ? 0 : fromTimestamp(CreatedAt).getTime();
    const completed = CompletedAt === undefined ? 0 : fromTimestamp(CompletedAt).getTime();
    const found = key === 'startedAt' ? started : key === 'completedAt' ? completed : CompletedAt === undefined ? 0 : completed - started;
    if (operator === '>=') return found >= limit;
    if (operator === '<=') return found <= limit;
    return operator === '>' ? found > limit : found < limit;
  };
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration of Go's (`1h30m`); undefined for what is none. */
function milliseconds(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|\u00b5s|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|\u00b5s|ms|s|m|h)/g))
    sum += Number(count) * (units[unit] ?? 0);
  return sum;
}

function fieldOf(record: BuildHistoryRecord, field: string | undefined): string | undefined {
  if (field === 'ref') return record.Ref;
  if (field === 'status') {
    if (record.CompletedAt === undefined) return 'running';
    if (record.error === undefined) return 'completed';
    return record.error.code === CANCELLED ? 'canceled' : 'error';
  }
  if (field === 'repository') return record.FrontendAttrs['vcs:source'] ?? remoteOf(record.FrontendAttrs['context'] ?? '');
  return undefined;
}

/** The repository of a context that is one, without branch and folder. */
function remoteOf(context: string): string | undefined {
  return /^(?:https?|git|ssh):\/\/|^git@/.test(context) ? context.split('#', 1)[0] : undefined;
}
