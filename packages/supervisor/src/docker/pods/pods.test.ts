import { packAny, packJson } from '@gantry/api';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import { Database } from '../../core/records';
import { openDockerRecords, type DockerRecords } from '../records';
import { dockerStatus } from '../status';
import { noPods, podContainers, refusingPods } from '.';

const labels = { 'io.kubernetes.pod.name': 'web', 'io.kubernetes.pod.namespace': 'shop', 'io.kubernetes.pod.uid': 'u1' };
const ID = 'ab'.repeat(32);

function record(id: string, facts: object, change: object = {}): Container {
  const config = ContainerConfig.fromPartial({ metadata: { name: 'main', attempt: 2 }, labels, ...change });
  return Container.fromPartial({
    id,
    image: 'reg.io/app:1',
    extensions: {
      'gantry.io/cri.config': packAny(ContainerConfig, config),
      'gantry.io/cri.container': packJson('gantry.io/cri.container', { podId: 'pod', imageId: 'sha256:1', startedAt: '', ...facts }),
    },
  });
}

let records: DockerRecords;
beforeEach(() => {
  records = openDockerRecords(new Database(':memory:'), 'docker');
  records.create('k8s.io', record(ID, { startedAt: '1700000000000000000' }));
  records.create(
    'k8s.io',
    record('cd'.repeat(32), { startedAt: '1', ended: { code: 137, at: '2000000000', reason: 'OOMKilled', message: '' } }, { labels: {} }),
  );
  records.create('k8s.io', Container.fromPartial({ id: 'plain' }));
});
afterEach(() => records.close());

test('containers of pods are shown as kubelets named them, with what became of them', () => {
  const shown = podContainers('k8s.io').shownIn(records).listDocker();
  expect(shown.map(({ docker }) => docker.name)).toEqual(['k8s_main_web_shop_u1_2', 'k8s_main_pod_2']);
  expect(shown.map(({ docker }) => dockerStatus(docker))).toEqual(['running', 'exited']);
  expect(shown[0]?.docker).toMatchObject({
    config: { Image: 'reg.io/app:1', Labels: labels },
    state: { startedAt: '2023-11-14T22:13:20.000Z' },
  });
  expect(shown[1]?.docker.state).toMatchObject({ exitCode: 137n, oomKilled: true, finishedAt: '1970-01-01T00:00:02.000Z' });
  expect(noPods.shownIn(records).listDocker()).toEqual([]);
});

test.each([ID, 'abab', 'k8s_main_web_shop_u1_2', '/k8s_main_web_shop_u1_2'])(
  '%s is found by who looks, and refused by name to who acts',
  (ref) => {
    expect(podContainers('k8s.io').shownIn(records).requireDocker(ref).id).toBe(ID);
    expect(() => refusingPods(records, 'k8s.io').requireDocker(ref)).toThrow(
      'container k8s_main_web_shop_u1_2 (abababababab) belongs to a pod of Kubernetes: docker only shows it',
    );
  },
);

test("what nobody has is told in docker's words", () => {
  for (const one of [refusingPods(records, 'k8s.io'), podContainers('k8s.io').shownIn(records)])
    expect(() => one.requireDocker('plain')).toThrow('No such container: plain');
});
