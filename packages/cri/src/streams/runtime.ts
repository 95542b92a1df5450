import type { CallContext } from '@gantry/rpc';
import type { StreamingRuntime } from '@gantry/streaming';
import type { Needs } from '../sandboxes/needs';
import { runAttach } from './attach';
import { runExec } from './exec';
import { runForward } from './forward';

/** Containers and pods as the streaming server needs them. */
export function streamingRuntime(needs: Needs, ctx: CallContext): StreamingRuntime {
  return {
    exec: (request, streams, signal) => runExec(needs, ctx, { request, streams, signal }),
    attach: (request, streams, signal) => runAttach(needs, ctx, { request, streams, signal }),
    portForward: (target, connection, signal) => runForward(needs, ctx, { target, connection, signal }),
  };
}
