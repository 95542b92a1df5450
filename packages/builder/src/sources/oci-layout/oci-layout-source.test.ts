import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { sha256 } from '@gantry/oci';
import { newContext, notFound } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import type { Session } from '../../session/session';
import type { StepContext } from '../../solver/op';
import type { ContentServices } from '../../worker/blobs';
import { makeOciLayoutSource } from './oci-layout-source';

test('a layout is read from the store that its client serves under `oci:` and its name', async () => {
  const asked: unknown[] = [];
  const info = (_ctx: unknown, _request: unknown, { metadata }: { metadata: Record<string, string[]> }): Promise<never> => {
    asked.push(metadata);
    return Promise.reject(notFound('no such blob'));
  };
  const session = { client: (service: unknown) => (service === ContentService ? { info } : {}) } as unknown as Session;
  const sessions = { find: () => Promise.resolve(session) };
  const step = {
    call: newContext(),
    sessions: { ids: ['s'], any: () => Promise.reject(notFound('any')) },
    progress: { status: () => undefined },
  };
  const source = makeOciLayoutSource({ refs: {} as Refs, sessions, services: {} as ContentServices });
  for (const attributes of [{ 'oci.session': 's', 'oci.store': 'layouts' }, { 'oci.session': 's' }] as Record<string, string>[]) {
    const image = source.open(`oci-layout://docker.io/library/name@${sha256('x')}`, attributes, undefined);
    await expect(image.key(step as unknown as StepContext)).rejects.toThrow('no such blob');
  }
  expect(asked).toEqual([{ 'buildkit-attachable-store-id': ['oci:layouts'] }, { 'buildkit-attachable-store-id': ['oci:library/name'] }]);
});
