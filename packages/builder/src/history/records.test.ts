import { BuildHistoryRecord } from '@gantry/api/moby/buildkit/v1/control';
import { openBuildStore, type Store } from '../store';
import { HistoryRecords } from './records';
import { historyTables } from './tables';

let store: Store;
let records: HistoryRecords;
beforeEach(() => {
  store = openBuildStore(':memory:', [historyTables]);
  records = new HistoryRecords(store);
});
afterEach(() => store.close());

const blob = (digest: string) => ({ mediaType: 'text/plain', digest, size: 1n, annotations: {} });
const record = (Ref: string, logs: string, result?: string): BuildHistoryRecord =>
  BuildHistoryRecord.fromPartial({
    Ref,
    logs: blob(logs),
    ...(result === undefined ? {} : { Result: { ResultDeprecated: blob(result), Attestations: [blob('sha256:said')] } }),
  });

test('a record of which a blob is not held any more is lost; what its result leads to is held by that', () => {
  records.put(record('whole', 'sha256:1', 'sha256:index'), ['sha256:manifest']);
  records.put(record('torn', 'sha256:2', 'sha256:gone'));
  records.put(record('plain', 'sha256:1'));
  expect(records.lost(new Set(['sha256:1', 'sha256:2', 'sha256:index', 'sha256:said']))).toEqual(['torn']);
});

test('the disk is not waited for', () => {
  const waits: (boolean | undefined)[] = [];
  const watched = Object.create(store, {
    transaction: {
      value: <T>(fn: () => T, options: { durable?: boolean } = {}): T => {
        waits.push(options.durable);
        return store.transaction(fn, options);
      },
    },
  }) as Store;
  const watchedRecords = new HistoryRecords(watched);
  watchedRecords.put(record('one', 'sha256:1'));
  expect([waits, watchedRecords.get('one')?.Ref]).toEqual([[false], 'one']);
});
