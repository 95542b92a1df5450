import { jsonFileRules, localRules, readBound } from './file';
import { goSize } from '@gantry/oci';
import { validateLogConfig } from './validate';

const check = (Type: string, Config: Record<string, string> = {}): void => validateLogConfig({ Type, Config });

test.each<[string, Record<string, string>, string]>([
  ['syslog', { nope: '1' }, "unknown log opt 'nope' for syslog log driver"],
  ['syslog', { 'max-size': '1m' }, "unknown log opt 'max-size' for syslog log driver"],
  ['syslog', { 'syslog-address': 'foo://127.0.0.1:1' }, "unsupported scheme: 'foo'"],
  ['syslog', { 'syslog-facility': 'x' }, 'invalid syslog facility'],
  ['syslog', { 'syslog-facility': '24' }, 'invalid syslog facility'],
  ['syslog', { 'syslog-format': 'x' }, 'Invalid syslog format'],
  ['json-file', { 'cache-foo': 'x' }, "unknown log opt 'cache-foo' for json-file log driver"],
  ['local', { labels: 'x' }, "unknown log opt 'labels' for log driver local"],
  ['fluentd', { 'fluentd-address': 'x://y' }, "invalid fluentd-address (x://y): unsupported scheme: 'x'"],
  ['fluentd', { 'fluentd-address': 'unix://' }, 'invalid fluentd-address (unix://): path is empty'],
  ['fluentd', { 'fluentd-address': 'tcp://h:1/p' }, 'invalid fluentd-address (tcp://h:1/p): should not contain a path element'],
  ['fluentd', { 'fluentd-retry-wait': 'x' }, 'time: invalid duration "x"'],
  ['fluentd', { 'fluentd-async': 'x' }, 'strconv.ParseBool: parsing "x": invalid syntax'],
  ['fluentd', { 'fluentd-max-retries': '4294967295' }, 'invalid fluentd-max-retries: value out of range'],
  ['fluentd', { 'fluentd-read-timeout': '1s' }, "unknown log opt 'fluentd-read-timeout' for fluentd log driver"],
  ['gelf', {}, 'gelf-address is a required parameter'],
  ['gelf', { 'gelf-address': 'http://h:1' }, 'gelf: endpoint needs to be TCP or UDP'],
  ['gelf', { 'gelf-address': 'udp://h' }, 'gelf: please provide gelf-address as proto://host:port'],
  [
    'gelf',
    { 'gelf-address': 'udp://h:1', 'gelf-compression-level': '10' },
    'unknown value "10" for log opt "gelf-compression-level" for gelf log driver',
  ],
  ['gelf', { 'gelf-address': 'tcp://h:1', 'gelf-compression-type': 'gzip' }, 'compression is only supported on UDP'],
  ['gelf', { 'gelf-address': 'udp://h:1', 'gelf-tcp-max-reconnect': '1' }, '"gelf-tcp-max-reconnect" is only valid for TCP'],
  ['gelf', { 'gelf-address': 'udp://h:1', nope: '1' }, 'unknown log opt "nope" for gelf log driver'],
  ['journald', { nope: '1' }, "unknown log opt 'nope' for journald log driver"],
  ['splunk', { nope: '1' }, "unknown log opt 'nope' for splunk log driver"],
  ['gcplogs', { 'gcp-nope': '1' }, '"gcp-nope" is not a valid option for the gcplogs driver'],
  ['awslogs', { 'awslogs-group': 'g', labels: 'x' }, "unknown log opt 'labels' for awslogs log driver"],
  ['awslogs', {}, "must specify a value for log opt 'awslogs-group'"],
  [
    'awslogs',
    { 'awslogs-group': 'g', 'awslogs-create-group': 'x' },
    `must specify valid value for log opt 'awslogs-create-group': strconv.ParseBool: parsing "x": invalid syntax`,
  ],
  [
    'awslogs',
    { 'awslogs-group': 'g', 'awslogs-max-buffered-events': '0' },
    "must specify a positive integer for log opt 'awslogs-max-buffered-events': 0",
  ],
  [
    'awslogs',
    { 'awslogs-group': 'g', 'awslogs-datetime-format': '%Y', 'awslogs-multiline-pattern': 'x' },
    "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time",
  ],
  ['awslogs', { 'awslogs-group': 'g', 'awslogs-format': 'x' }, "unsupported log format 'x'"],
  ['nope', {}, 'error looking up logging plugin nope: plugin "nope" not found'],
  ['', { mode: 'x' }, 'logger: logging mode not supported: x'],
  ['', { 'max-buffer-size': '1m' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
  ['', { mode: 'non-blocking', 'max-buffer-size': 'x' }, "error parsing option max-buffer-size: invalid size: 'x'"],
  ['', { 'cache-disabled': 'x' }, 'invalid value for option cache-disabled: x'],
])('%s with %j is refused', (type, options, words) => {
  expect(() => check(type, options)).toThrow(expect.objectContaining({ kind: 'invalidArgument', message: words }));
});

test.each<[string, Record<string, string>]>([
  ['none', { x: 'y' }],
  [
    'syslog',
    { 'syslog-address': 'udp://127.0.0.1', 'syslog-facility': '0', mode: 'non-blocking', 'max-buffer-size': '4m', 'cache-max-size': '1m' },
  ],
  ['syslog', { 'syslog-address': 'tcp://[::1]:1', 'syslog-tls-skip-verify': '', tag: '{{.Name}}', 'labels-regex': '^a' }],
])('%s with %j is taken', (type, options) => {
  expect(() => check(type, options)).not.toThrow();
});

test.each<[() => unknown, string]>([
  [() => jsonFileRules({ 'max-size': 'x' }), "invalid size: 'x'"],
  [() => jsonFileRules({ 'max-size': '0' }), 'max-size must be a positive number'],
  [() => jsonFileRules({ 'max-size': '-1' }), "invalid size: '-1'"],
  [() => jsonFileRules({ 'max-file': '0' }), 'max-file cannot be less than 1'],
  [() => jsonFileRules({ compress: 'true' }), 'compress cannot be true when max-file is less than 2 or max-size is not set'],
  [() => localRules({ 'max-file': '1' }), 'compression cannot be enabled when max file count is 1'],
  [() => localRules({ 'cache-max-file': 'x' }, 'cache-'), 'invalid value for cache-max-file: x: strconv.Atoi: parsing "x": invalid syntax'],
])('values that show at the start only', (rules, words) => {
  expect(rules).toThrow(words);
});

test('a log that nobody bounded is bounded by the engine’s word', () => {
  const bound = readBound({ 'max-size': '100m', 'max-file': 5 });
  expect(jsonFileRules({}, bound)).toEqual({ maxSize: 100_000_000, maxFile: 5, compress: false });
  expect(jsonFileRules({ 'max-file': '2' }, bound)).toEqual({ maxSize: 100_000_000, maxFile: 2, compress: false });
  expect(jsonFileRules({ 'max-size': '1g' }, bound)).toEqual({ maxSize: 1_000_000_000, maxFile: 1, compress: false });
  expect(readBound({ 'max-size': 0, 'max-file': 5 })).toBeUndefined();
});

test('files of each driver', () => {
  expect(jsonFileRules({})).toEqual({ maxSize: 0, maxFile: 1, compress: false });
  expect(jsonFileRules({ 'max-size': '10k', 'max-file': '3', compress: 'true' })).toEqual({ maxSize: 10_000, maxFile: 3, compress: true });
  expect(localRules({})).toEqual({ maxSize: 20_971_520, maxFile: 5, compress: true });
  expect(localRules({ 'cache-max-size': '1m', 'max-size': '7' }, 'cache-')).toEqual({ maxSize: 1_000_000, maxFile: 5, compress: true });
});

test('sizes as docker reads them', () => {
  expect(['32', '32b', '1kb', '1.5M', '2 gib', '3TiB'].map((text) => goSize(text, 1024))).toEqual([
    32,
    32,
    1024,
    1_572_864,
    2 * 1024 ** 3,
    3 * 1024 ** 4,
  ]);
  expect(goSize('20k', 1000)).toBe(20_000);
  for (const wrong of ['', 'k', '1kk', '1 kbi', '1.2.3']) expect(() => goSize(wrong, 1024)).toThrow(/^invalid (size|suffix): '/);
});
