import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@gantry/oci';
import { silentLogger } from '@gantry/rpc';
import { ContentPaths } from '../content/paths';
import { ContentStore } from '../content/store';
import { Database } from '../store/database';
import { LeaseTable } from '../store/leases';
import { Collector } from './collector';

let dir: string;
let db: Database;
let leases: LeaseTable;
let content: ContentStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gc-'));
  db = new Database(join(dir, 'metadata.db'));
  leases = new LeaseTable(db);
  const paths = new ContentPaths(join(dir, 'content'));
  content = new ContentStore(db, leases, paths, 'boot', silentLogger);
});
afterEach(async () => {
  await content.end();
  db.close();
  rmSync(dir, { recursive: true });
});

test('content that an upload finds in the store is held at once, whatever is collected before the uploader hears of it', async () => {
  const data = Buffer.from('a configuration');
  const digest = sha256(data);
  const first = { namespace: 'n', lease: 'first' };
  leases.create(first, 'first', {});
  await content.put(first, data, digest);
  leases.delete(first, 'first'); // nothing holds it now: the next collection takes it

  const second = { namespace: 'n', lease: 'second' };
  leases.create(second, 'second', {});
  const ingest = await content.ingest(second, 'upload', data.length);
  await ingest.write(data);
  const commit = ingest.commit(data.length, digest, {});
  const collector = new Collector(db, content, {}, silentLogger);
  let over = false;
  const outcome = commit
    .then(
      () => 'new',
      (error: { kind?: string }) => error.kind,
    )
    .finally(() => (over = true));
  while (!over) {
    if (content.uploads.records.find(second, 'upload') === undefined) await collector.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await outcome).toBe('alreadyExists');
  expect((await content.readAll(second, digest)).equals(data)).toBe(true);
});

test('collections that nobody waits for leave the time to others, however often they are asked for', async () => {
  let collections = 0;
  const slow = {
    all: () => [],
    run: () => undefined,
    transaction: () => {
      collections++;
      for (const end = performance.now() + 40; performance.now() < end;); // much to look at
    },
  } as unknown as Database;
  const collector = new Collector(slow, content, {}, silentLogger, 1);
  for (const end = performance.now() + 600; performance.now() < end;) {
    collector.soon();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(collections).toBe(1);
  await collector.settled();
  expect(collections).toBe(2); // at once where somebody waits
});
