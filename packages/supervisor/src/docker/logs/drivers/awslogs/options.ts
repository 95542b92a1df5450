import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { goBool, goInt } from '../../options/go-values';
import { named } from '../../options/named';
import { refuseUnknown } from '../../options/names';
import { datetimePattern } from './datetime';

const NAMES = [
  'awslogs-group',
  'awslogs-stream',
  'awslogs-create-group',
  'awslogs-create-stream',
  'awslogs-region',
  'awslogs-endpoint',
  'tag',
  'awslogs-datetime-format',
  'awslogs-multiline-pattern',
  'awslogs-credentials-endpoint',
  'awslogs-force-flush-interval-seconds',
  'awslogs-max-buffered-events',
  'awslogs-format',
];

const EMF = 'json/emf';

export interface AwslogsOptions {
  readonly group: string;
  readonly createGroup: boolean;
  readonly createStream: boolean;
  readonly flushMs: number;
  /** Begins an event of several lines. */
  readonly pattern: Pattern | undefined;
  readonly emf: boolean;
}

/** In dockerd's order and words. */
export function validateAwslogs(options: LogOptions): void {
  refuseUnknown(options, NAMES, 'awslogs log driver');
  const has = (name: string): boolean => options[name] !== undefined;
  const value = (name: string): string => options[name] ?? '';
  if (value('awslogs-group') === '') throw invalidArgument("must specify a value for log opt 'awslogs-group'");
  if (value('awslogs-create-group') !== '')
    named(() => goBool(value('awslogs-create-group')), "must specify valid value for log opt 'awslogs-create-group': ");
  for (const name of ['awslogs-force-flush-interval-seconds', 'awslogs-max-buffered-events']) {
    if (value(name) !== '' && (goInt(value(name)) ?? 0) <= 0)
      throw invalidArgument(`must specify a positive integer for log opt '${name}': ${value(name)}`);
  }
  const [datetime, pattern] = ['awslogs-datetime-format', 'awslogs-multiline-pattern'] as const;
  if (has(datetime) && has(pattern)) throw invalidArgument(`you cannot configure log opt '${datetime}' and '${pattern}' at the same time`);
  if (value('awslogs-format') === '') return;
  if (value('awslogs-format') !== EMF) throw invalidArgument(`unsupported log format '${value('awslogs-format')}'`);
  if (has(datetime) || has(pattern))
    throw invalidArgument(`you cannot configure log opt '${datetime}' or '${pattern}' when log opt 'awslogs-format' is set to '${EMF}'`);
}

/** What dockerd reads of them at the start only. */
export function awslogsOptions(options: LogOptions): AwslogsOptions {
  const value = (name: string): string => options[name] ?? '';
  const flag = (name: string, otherwise: boolean): boolean => (value(name) === '' ? otherwise : goBool(value(name)));
  const source =
    value('awslogs-datetime-format') === '' ? value('awslogs-multiline-pattern') : datetimePattern(value('awslogs-datetime-format'));
  return {
    group: value('awslogs-group'),
    createGroup: flag('awslogs-create-group', false),
    createStream: flag('awslogs-create-stream', true),
    flushMs: (goInt(value('awslogs-force-flush-interval-seconds')) ?? 5) * 1000,
    pattern:
      source === ''
        ? undefined
        : named(() => compilePattern(source), `awslogs could not parse multiline pattern key ${JSON.stringify(source)}: `),
    emf: value('awslogs-format') === EMF,
  };
}
