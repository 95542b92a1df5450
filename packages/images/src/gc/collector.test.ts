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
  await content.flushed();
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
