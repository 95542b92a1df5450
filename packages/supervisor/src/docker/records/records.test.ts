import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { Container as DockerView } from '@gantry/api/gantry/engine/v1/record';
import { openJournal } from '../../core/journal';
import { Database, type RecordChange, VIEW_EXTENSION } from '../../core/records';
import { type DockerRecords, openDockerRecords } from '.';

let folder: string;
let file: string;
let db: Database;
let records: DockerRecords;
const open = (): void => {
  db = new Database(file);
  records = openDockerRecords(db, 'gantry');
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-records-'));
  file = join(folder, 'state.db');
  open();
});
afterEach(() => {
  records.close();
  rmSync(folder, { recursive: true, force: true });
});

const plain = (id: string, change: Partial<Container> = {}): Container => Container.fromPartial({ id, image: 'busybox', ...change });
const docker = (id: string, name: string): Container =>
  plain(id, {
    extensions: {
      [VIEW_EXTENSION]: { typeUrl: VIEW_EXTENSION, value: Buffer.from(DockerView.encode(DockerView.fromPartial({ name })).finish()) },
    },
  });

it("finds docker's containers by id, name and unambiguous prefix", () => {
  records.create('gantry', docker('ab12', 'web'));
  records.create('gantry', docker('ab34', 'ab12x'));
  records.create('gantry', plain('ab56'));
  records.create('default', docker('ab78', 'elsewhere'));
  expect(records.findDocker('ab12')?.docker.name).toBe('web');
  expect(records.findDocker('/web')?.id).toBe('ab12');
  expect(records.findDocker('ab3')?.id).toBe('ab34');
  expect(() => records.findDocker('ab')).toThrow('Multiple IDs found with provided prefix: ab');
  expect(records.findDocker('')).toBeUndefined();
  expect(() => records.requireDocker('nosuch')).toThrow('No such container: nosuch');
  expect(records.listDocker()).toHaveLength(2);
});

it("keeps docker's view through an update of containerd's face, and writes it alone", () => {
  records.create('gantry', docker('ab', 'web'));
  records.update('gantry', 'ab', (current) => ({ ...current, labels: { a: 'b' }, extensions: {} }));
  expect(records.get('gantry', 'ab')).toMatchObject({ labels: { a: 'b' }, extensions: { [VIEW_EXTENSION]: {} } });
  records.updateDocker('ab', (view) => ({ ...view, imageId: 'sha256:x' }));
  records.close();
  open();
  expect(records.requireDocker('web').docker.imageId).toBe('sha256:x');
  expect(() => records.update('gantry', 'ab', (current) => ({ ...current, id: 'other' }))).toThrow('the id cannot be changed');
});

it('tells changes once they are true, and nothing of a transaction that fails', () => {
  const seen: RecordChange[] = [];
  const stop = records.onChange((change) => seen.push(change));
  expect(() =>
    records.transaction(() => {
      records.create('gantry', docker('ab', 'web'));
      expect(seen).toEqual([]);
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(seen).toEqual([]);
  expect(records.findDocker('web')).toBeUndefined();
  records.create('gantry', docker('ab', 'web'), { durable: false });
  records.delete('gantry', 'ab');
  stop();
  records.create('gantry', plain('cd'));
  expect(seen.map(({ kind }) => kind)).toEqual(['created', 'deleted']);
});

it('gives a name to one container only', () => {
  records.names.reserve('web', 'a');
  records.names.reserve('web', 'a');
  expect(() => records.names.reserve('web', 'b')).toThrow('Conflict. The container name "/web" is already in use by container "a".');
  records.names.releaseName('web', 'b');
  expect(records.names.holder('web')).toBe('a');
  records.names.release('a');
  records.names.reserve('web', 'b');
  expect(records.names.holder('web')).toBe('b');
});

it('lists what was begun and not ended', () => {
  const journal = openJournal(db);
  const entry = journal.begin('create', 'ab', { name: 'web' }, () => records.names.reserve('web', 'ab'));
  expect(() => journal.begin('create', 'cd', {}, () => records.names.reserve('web', 'cd'))).toThrow('Conflict');
  records.close();
  open();
  expect(openJournal(db).open()).toEqual([entry]);
  openJournal(db).end(entry, () => records.names.release('ab'));
  expect(openJournal(db).open()).toEqual([]);
});
