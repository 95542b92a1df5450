import { existsSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPIRE_LABEL, OPERATION_LABEL } from '@gantry/api';
import type { ContentStore } from '../content/store';
import type { Database } from '../store/database';
import type { LeaseTable } from '../store/leases';
import { parseLabels } from '../store/labels';
import type { Finding } from './finding';

/** A file that is being removed right now is no leftover. */
const BUSY_MS = 60_000;

/** What operations that are over left: uploads without a file or without a record, files on their way out, leases past their time. */
export function* checkLeftovers({
  db,
  content,
  leases,
  now = Date.now(),
}: {
  readonly db: Database;
  readonly content: ContentStore;
  readonly leases: LeaseTable;
  readonly now?: number;
}): Generator<Finding> {
  for (const { id, ns, ref } of db.all<{ id: number; ns: string; ref: string }>('SELECT id, ns, ref FROM ingests')) {
    if (content.uploads.isOpen({ namespace: ns }, ref)) continue;
    if (!existsSync(content.paths.ingest(id))) {
      yield {
        problem: 'dangling',
        object: 'ingest',
        id: ref,
        namespace: ns,
        detail: 'it has no file',
        repair: () => content.uploads.abort({ namespace: ns }, ref).then(() => 'aborted'),
      };
    }
  }
  for (const { ns, ref } of content.uploads.stale(now)) {
    yield {
      problem: 'leftover',
      object: 'ingest',
      id: ref,
      namespace: ns,
      detail: 'nobody has written to it for a day',
      repair: () => content.uploads.abort({ namespace: ns }, ref).then(() => 'aborted'),
    };
  }
  const known = new Set(db.all<{ id: number }>('SELECT id FROM ingests').map(({ id }) => String(id)));
  for (const name of readdirSync(content.paths.ingests)) {
    if (!known.has(name)) yield file(join(content.paths.ingests, name), 'an upload without a record');
  }
  for (const name of readdirSync(content.paths.trash)) {
    const path = join(content.paths.trash, name);
    if (existsSync(path) && now - statSync(path).ctimeMs > BUSY_MS) yield file(path, 'a removed blob');
  }
  for (const { ns, id, labels } of db.all<{ ns: string; id: string; labels: string }>('SELECT ns, id, labels FROM leases')) {
    const { [EXPIRE_LABEL]: until = '', [OPERATION_LABEL]: operation } = parseLabels(labels);
    if (operation === undefined || !(Date.parse(until) < now)) continue;
    yield {
      problem: 'leftover',
      object: 'lease',
      id,
      namespace: ns,
      detail: `of an operation (${operation}) that ended without it, expired at ${until}`,
      repair: () => {
        leases.delete({ namespace: ns }, id);
        return 'removed';
      },
    };
  }
}

function file(path: string, detail: string): Finding {
  return {
    problem: 'leftover',
    object: 'file',
    id: path,
    namespace: '',
    detail,
    repair: () => rm(path, { recursive: true, force: true }).then(() => 'removed'),
  };
}
