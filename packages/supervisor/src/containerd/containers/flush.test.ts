import { FLUSH_LABEL, FLUSH_LATER } from '@gantry/api';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { newContext, notFound } from '@gantry/rpc';
import type { Records, TransactionOptions } from '../../core/records';
import { containersHandlers, type ContainersNeeds } from './containers';

const ctx = newContext({ namespace: 'steps' });
const container = (labels: Record<string, string>): Container =>
  Container.fromPartial({ id: 'a', labels, runtime: { name: 'io.containerd.runc.v2' }, spec: { typeUrl: 't', value: Buffer.from('{}') } });

/** The options of both transactions of a container's life. */
async function waits(labels: Record<string, string>): Promise<(TransactionOptions | undefined)[]> {
  const told: (TransactionOptions | undefined)[] = [];
  const records = {
    namespaces: { get: () => ({ name: 'steps', labels: {} }) },
    get: () => container(labels),
    create: (_namespace: string, made: Container, options?: TransactionOptions) => (told.push(options), made),
    delete: (_namespace: string, _id: string, options?: TransactionOptions) => (told.push(options), container(labels)),
  } as unknown as Records;
  const needs: ContainersNeeds = {
    records,
    tasks: { state: () => Promise.reject(notFound('no task')) },
    leases: { hold: () => Promise.resolve(), release: () => Promise.resolve() },
    docker: { removeFromContainerd: () => Promise.resolve() },
  };
  const handlers = containersHandlers(needs);
  await handlers.create(ctx, { container: container(labels) });
  await handlers.delete(ctx, { id: 'a' });
  return told;
}

test('the record of a container waits for the disk, unless its client puts right what a power cut takes back', async () => {
  expect(await waits({})).toEqual([{ durable: true }, { durable: true }]);
  expect(await waits({ [FLUSH_LABEL]: FLUSH_LATER })).toEqual([{ durable: false }, { durable: false }]);
});
