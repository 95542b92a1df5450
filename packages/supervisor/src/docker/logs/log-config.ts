import type { ContainerConfig, HostConfigLogConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LogSink } from '@gantry/api/gantry/shim/v1/shim';
import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import { invalidArgument, isErrorOf } from '@gantry/rpc';

const OPTIONS = new Set([
  'max-size',
  'max-file',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
  'compress',
  'mode',
  'max-buffer-size',
]);
/** Drivers that dockerd has and this engine has not. */
const DOCKERS = new Set(['awslogs', 'fluentd', 'gcplogs', 'gelf', 'journald', 'splunk', 'syslog']);
const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1024n,
  kb: 1024n,
  m: 1024n ** 2n,
  mb: 1024n ** 2n,
  g: 1024n ** 3n,
  gb: 1024n ** 3n,
};

/** `10m` → bytes, 0 for unlimited. Throws invalidArgument. */
function parseSize(text: string): bigint {
  if (text === '' || text === '-1') return 0n;
  const match = /^([0-9]+)\s*([a-z]*)$/i.exec(text);
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) throw invalidArgument(`invalid size: '${text}'`);
  return BigInt(match[1] ?? '0') * unit;
}

/** The driver `local` keeps its lines as json-file does, but rotates unless told otherwise. */
const LOCAL_DEFAULTS: Readonly<Record<string, string>> = { 'max-size': '20m', 'max-file': '5' };

function optionsOf(log: HostConfigLogConfig | undefined): Readonly<Record<string, string>> {
  return log?.Type === 'local' ? { ...LOCAL_DEFAULTS, ...log.Config } : (log?.Config ?? {});
}

/** Throws invalidArgument for a log driver or option that is not honoured. */
export function validateLogConfig(log: HostConfigLogConfig | undefined): void {
  const type = log?.Type ?? '';
  if (type === 'none') return;
  if (DOCKERS.has(type)) throw invalidArgument(`failed to initialize logging driver: the log driver "${type}" is not supported`);
  if (type !== '' && type !== 'json-file' && type !== 'local')
    throw invalidArgument(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  const config = optionsOf(log);
  for (const name of Object.keys(config)) {
    if (!OPTIONS.has(name)) throw invalidArgument(`unknown log opt '${name}' for ${type || 'json-file'} log driver`);
  }
  parseSize(config['max-size'] ?? '');
  const files = config['max-file'];
  if (files !== undefined && !/^[1-9][0-9]*$/.test(files))
    throw invalidArgument(`invalid value for max-file: ${files}: must be a positive number`);
  if (config['compress'] === 'true') throw invalidArgument("log opt 'compress' is not supported");
  if (!['', 'blocking', 'non-blocking'].includes(config['mode'] ?? ''))
    throw invalidArgument(`logger: logging mode not supported: ${config['mode'] ?? ''}`);
  if (config['max-buffer-size'] !== undefined) {
    if (config['mode'] !== 'non-blocking')
      throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    parseSize(config['max-buffer-size']);
  }
}

/** Where and how the monitor writes a container's output; undefined for the driver `none`. */
export function logSink(
  log: HostConfigLogConfig | undefined,
  path: string,
  config: ContainerConfig,
  tag: Readonly<Record<string, string>>,
): LogSink | undefined {
  if (log?.Type === 'none') return undefined;
  const options = optionsOf(log);
  const attrs: Record<string, string> = {};
  const take = (entries: readonly (readonly [string, string])[], names: string | undefined, pattern: string | undefined): void => {
    const wanted = new Set((names ?? '').split(',').filter((name) => name !== ''));
    const regex = pattern === undefined || pattern === '' ? undefined : attributePattern(pattern);
    for (const [name, value] of entries) if (wanted.has(name) || regex?.test(name) === true) attrs[name] = value;
  };
  take(Object.entries(config.Labels), options['labels'], options['labels-regex']);
  const env = config.Env.map(
    (entry) => [entry.split('=', 1)[0] ?? '', entry.includes('=') ? entry.slice(entry.indexOf('=') + 1) : ''] as const,
  );
  take(env, options['env'], options['env-regex']);
  if ((options['tag'] ?? '') !== '')
    attrs['tag'] = (options['tag'] ?? '').replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, name: string) => tag[name] ?? whole);
  return { path, maxSize: parseSize(options['max-size'] ?? ''), maxFile: Number(options['max-file'] ?? 1), attrs };
}

/** As in dockerd, a container with an expression that is none is made; its start is refused. */
function attributePattern(source: string): Pattern {
  try {
    return compilePattern(source);
  } catch (error) {
    if (!isErrorOf(error, 'invalidArgument', 'outOfRange')) throw error;
    throw invalidArgument(`failed to initialize logging driver: ${error.message}`, { cause: error });
  }
}
