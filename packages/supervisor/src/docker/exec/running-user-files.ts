import { stateOf } from '../../core/phases';
import type { Uses } from '../engine';
import type { DockerContainer } from '../records';
import type { UserFiles } from '../start/user-files';

/** /etc/passwd and /etc/group of a running container, as it sees them now. */
export async function runningUserFiles({ looks }: Uses<{ looks: 'look' }>, docker: DockerContainer): Promise<UserFiles> {
  const { pid } = stateOf(docker);
  const { value } = await looks.look('containerFiles', [pid, ['/etc/passwd', '/etc/group']], {
    path: '/etc/passwd',
    failure: `unable to find users of container ${docker.name}`,
    pids: [pid],
  });
  const [passwd = '', group = ''] = value;
  return { passwd, group };
}
