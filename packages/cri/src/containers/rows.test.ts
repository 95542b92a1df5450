import { ContainerConfig, ContainerState, ListContainersResponse } from '@gantry/api/runtime/v1/api';
import type { Contained } from './record';
import { rowOf, runtimeService, writtenList } from './rows';
import { itemOf } from './status';

const { CONTAINER_CREATED, CONTAINER_EXITED, CONTAINER_RUNNING } = ContainerState;

const contained = (id: string, labels: Record<string, string> = {}): Contained => ({
  id,
  config: ContainerConfig.fromPartial({ metadata: { name: id, attempt: 3 }, labels, annotations: { a: 'ü'.repeat(300) } }),
  facts: { podId: 'p', imageId: 'i', imageRef: 'r', user: { uid: 0, gid: 0, groups: [] }, logPath: '', stopSignal: 15, startedAt: '' },
  createdAt: 1_700_000_000_000_000_001n,
  record: { id, image: 'box' } as Contained['record'],
});

const { responseSerialize, responseDeserialize } = runtimeService.listContainers;

test('a list of written rows has the bytes of the same list of objects', () => {
  const all = [contained('a', { x: 'y' }), contained('b')];
  const plain = ListContainersResponse.encode({ containers: all.map((one) => itemOf(one, CONTAINER_RUNNING)) }).finish();
  const written = responseSerialize(writtenList(all.map((one) => rowOf(one, CONTAINER_RUNNING))));
  expect(written.equals(plain)).toBe(true);
  expect(responseDeserialize(written).containers.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(responseSerialize({ containers: [itemOf(contained('a'), CONTAINER_CREATED)] })).toHaveLength(rowOf(contained('a'), 0).length);
  expect(responseSerialize(writtenList([]))).toHaveLength(0);
});

test('a row is written once, and anew when its state is another or the record was read again', () => {
  const one = contained('a');
  const row = rowOf(one, CONTAINER_RUNNING);
  expect(rowOf(one, CONTAINER_RUNNING)).toBe(row);
  const told = (bytes: Uint8Array) => responseDeserialize(Buffer.from(bytes)).containers[0];
  expect(told(rowOf(one, CONTAINER_EXITED))).toMatchObject({ state: CONTAINER_EXITED });
  expect(told(rowOf(one, CONTAINER_RUNNING))).toMatchObject({ state: CONTAINER_RUNNING });
  expect(told(rowOf({ ...one, config: { ...one.config, labels: { new: 'label' } } }, CONTAINER_RUNNING))).toMatchObject({
    labels: { new: 'label' },
  });
});
