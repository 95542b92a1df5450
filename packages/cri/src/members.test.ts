import type { CallContext } from '@gantry/rpc';
import { newContext, notFound } from '@gantry/rpc';
import { containersOf, findContainer } from './containers/find';
import { type Contained, extensionsOf } from './containers/record';
import { Members } from './members';
import { findPod } from './sandboxes/find';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';

const ctx: CallContext = newContext();
const whole = (letter: string): string => letter.repeat(64);

function recordOf(id: string, podId: string): Container {
  const facts = { podId, imageId: '', imageRef: '', user: { uid: 0, gid: 0, groups: [] }, logPath: '', stopSignal: 15, startedAt: '' };
  return Container.fromPartial({
    id,
    extensions: extensionsOf({ config: ContainerConfig.fromPartial({}), facts } as Pick<Contained, 'config' | 'facts'>),
  });
}

/** Records that tell how often all of them were read. */
function recordsOf(ids: readonly string[], podId: string) {
  const asked = { lists: 0, gets: [] as string[] };
  const containers = {
    list: async () => {
      asked.lists++;
      return { containers: ids.map((id) => recordOf(id, podId)) };
    },
    get: async (_ctx: unknown, { id }: { id: string }) => {
      asked.gets.push(id);
      if (!ids.includes(id)) throw notFound(id);
      return { container: recordOf(id, podId) };
    },
  };
  return { asked, services: { containers } as never };
}

test('a whole id is looked up by itself, the beginning of one among all', async () => {
  const { asked, services } = recordsOf([whole('a'), whole('b')], whole('f'));
  expect((await findContainer({ services }, ctx, whole('a')))?.id).toBe(whole('a'));
  expect(await findContainer({ services }, ctx, whole('c'))).toBeUndefined();
  expect(asked).toEqual({ lists: 0, gets: [whole('a'), whole('c')] });
  expect((await findContainer({ services }, ctx, 'bbb'))?.id).toBe(whole('b'));
  expect(asked.lists).toBe(1);
  await expect(findContainer({ services }, ctx, '')).rejects.toThrow("prefix can't be empty");
});

test('a pod by its whole id is none where no record is', async () => {
  const get = () => Promise.reject(notFound('none'));
  const list = () => Promise.reject(new Error('all are read'));
  expect(await findPod({ services: { sandboxes: { get, list } as never } }, ctx, whole('a'))).toBeUndefined();
});

test("a pod's containers are read, and no others; one whose record is gone is none", async () => {
  const pod = whole('f');
  const { asked, services } = recordsOf([whole('a'), whole('b'), whole('d')], pod);
  const members = new Members();
  for (const id of [whole('b'), whole('a'), whole('c')]) members.add(pod, id);
  members.add(whole('e'), whole('d'));
  expect((await containersOf({ services, members }, ctx, pod)).map(({ id }) => id)).toEqual([whole('b'), whole('a')]);
  expect(asked).toEqual({ lists: 0, gets: [whole('b'), whole('a'), whole('c')] });
  for (const id of [whole('b'), whole('a'), whole('c')]) members.remove(pod, id);
  expect(members.of(pod)).toEqual([]);
});
