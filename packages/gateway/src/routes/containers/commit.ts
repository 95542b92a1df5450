import { messageCodec } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';
import { checkTag } from '../../http/tag';

export const imageCommit: Route = {
  method: 'POST',
  path: '/commit',
  operation: 'ImageCommit',
  async handle(x, engine) {
    const { query } = x;
    const config = await readJson(x, messageCodec('ContainerConfig'));
    const { id } = await engine.containers.commit(detached(x.ctx), {
      id: query.text('container'),
      repository: query.text('repo'),
      tag: checkTag(query.text('tag')),
      comment: query.text('comment'),
      author: query.text('author'),
      pause: query.flag('pause', true),
      changes: query
        .all('changes')
        .flatMap((change) => change.split('\n'))
        .filter((change) => change.trim() !== ''),
      config,
    });
    sendJson(x, 201, { Id: id });
  },
};
