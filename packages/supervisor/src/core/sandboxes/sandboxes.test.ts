import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { Sandbox } from '@gantry/api/containerd/types/types';
import { Database, openRecords } from '../records';
import { openSandboxes } from '.';

const sandbox = (sandboxId: string, change: Partial<Sandbox> = {}): Sandbox =>
  Sandbox.fromPartial({ sandboxId, sandboxer: 'shim', ...change });
const anyOf = (text: string): { typeUrl: string; value: Buffer } => ({ typeUrl: 'pod', value: Buffer.from(text) });

let db: Database;
beforeEach(() => (db = new Database(':memory:')));
afterEach(() => db.close());

it('keeps sandboxes apart by namespace, in order, with everything that a face keeps in them', () => {
  const sandboxes = openSandboxes(db);
  sandboxes.create('k8s.io', sandbox('b', { labels: { app: 'web' }, extensions: { pod: anyOf('config') } }));
  sandboxes.create('k8s.io', sandbox('a'));
  sandboxes.create('other', sandbox('a'));
  expect(() => sandboxes.create('k8s.io', sandbox('a'))).toThrow('sandbox "a": already exists');
  const again = openSandboxes(db);
  expect(again.list('k8s.io').map(({ sandbox: { sandboxId } }) => sandboxId)).toEqual(['b', 'a']);
  expect(again.require('k8s.io', 'b').sandbox).toMatchObject({
    labels: { app: 'web' },
    sandboxer: 'shim',
    extensions: { pod: anyOf('config') },
  });
  expect(() => again.require('k8s.io', 'c')).toThrow('sandbox "c" in namespace "k8s.io": not found');
});

it('changes what a face keeps, never the id or the time of creation', () => {
  const sandboxes = openSandboxes(db);
  const { sandbox: before } = sandboxes.create('k8s.io', sandbox('a'));
  const { sandbox: after } = sandboxes.update('k8s.io', 'a', (current) => ({ ...current, labels: { x: 'y' }, createdAt: undefined }));
  expect(after).toMatchObject({ labels: { x: 'y' }, createdAt: before.createdAt });
  expect(() => sandboxes.update('k8s.io', 'a', (current) => ({ ...current, sandboxId: 'b' }))).toThrow('the id cannot be changed');
});

it('is ready once, tells which live in this boot, and goes only when it is stopped', () => {
  const sandboxes = openSandboxes(db);
  for (const id of ['a', 'before', 'host']) sandboxes.create('k8s.io', sandbox(id));
  const ready = sandboxes.move('k8s.io', 'a', 'ready', {
    pid: 7,
    netnsPath: '/run/netns/a',
    bootId: 'now',
    startedAt: '2026-01-01T00:00:00Z',
  });
  expect(ready.state).toMatchObject({ phase: 'ready', pid: 7, exitCode: 0, stoppedAt: '' });
  sandboxes.move('k8s.io', 'before', 'ready', { netnsPath: '/run/netns/before', bootId: 'former' });
  sandboxes.move('k8s.io', 'host', 'ready', { bootId: 'now' });
  expect(sandboxes.live('now')).toEqual([{ sandboxId: 'a', netnsPath: '/run/netns/a' }]);
  expect(() => sandboxes.delete('k8s.io', 'a')).toThrow('must be stopped');
  sandboxes.move('k8s.io', 'a', 'stopped', { pid: 0, exitCode: 137, stoppedAt: '2026-01-01T00:00:01Z' });
  expect(() => sandboxes.move('k8s.io', 'a', 'ready')).toThrow('sandbox "a": cannot go from stopped to ready');
  expect(sandboxes.live('now')).toEqual([]);
  sandboxes.delete('k8s.io', 'a');
  expect(sandboxes.get('k8s.io', 'a')).toBeUndefined();
});

it('keeps a namespace from going while it holds one', () => {
  const records = openRecords(db);
  records.namespaces.create('k8s.io', {});
  const sandboxes = openSandboxes(db);
  sandboxes.create('k8s.io', sandbox('a'));
  expect(() => records.namespaces.delete('k8s.io')).toThrow('k8s.io');
  sandboxes.delete('k8s.io', 'a');
  records.namespaces.delete('k8s.io');
});

it('opens a store that was written before there were any', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-sandboxes-'));
  const file = join(folder, 'state.db');
  const before = new Database(file);
  openRecords(before).create('gantry', Container.fromPartial({ id: 'old' }));
  before.sql.exec('DROP TABLE sandboxes; DROP TABLE events; DROP TABLE plugins; PRAGMA user_version = 1');
  before.close();
  const after = new Database(file);
  expect(openRecords(after).get('gantry', 'old')).toBeDefined();
  expect(openSandboxes(after).create('k8s.io', sandbox('a')).state.phase).toBe('created');
  after.close();
  rmSync(folder, { recursive: true });
});
