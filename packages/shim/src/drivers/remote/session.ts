import { existsSync } from 'node:fs';
import { TaskService as TaskV2 } from '@gantry/api/containerd/task/v2/shim';
import { TaskService as TaskV3 } from '@gantry/api/containerd/task/v3/shim';
import { connect, connectTtrpc, invalidArgument, type ServiceClient, socketOfAddress, unavailable } from '@gantry/rpc';

/** Where another program serves containerd's Task service, and how; plain data, kept in the task's directory. */
export interface Endpoint {
  /** `unix://<path>` or a path. */
  readonly address: string;
  readonly protocol: 'ttrpc' | 'grpc';
  /** Of the Task service: 2 or 3; their messages are the same. */
  readonly version: 2 | 3;
}

/** An open connection to it. Calls fail with `unavailable` once it is gone. */
export interface Session {
  readonly tasks: ServiceClient<typeof TaskV3>;
  /** Resolves when the connection has broken; never for gRPC, which connects again by itself. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Milliseconds in which a server must take the connection. */
const CONNECT_MS = 2000;

export async function openSession({ address, protocol, version }: Endpoint, timeoutMs = CONNECT_MS): Promise<Session> {
  if (protocol === 'ttrpc') {
    const connection = await connectTtrpc(address);
    const tasks = version === 3 ? connection.client(TaskV3) : (connection.client(TaskV2) as unknown as ServiceClient<typeof TaskV3>);
    return { tasks, closed: connection.closed, close: () => connection.close() };
  }
  const path = socketOfAddress(address);
  if (path.startsWith('\0')) throw invalidArgument(`address "${address}": gRPC is not spoken over abstract sockets`);
  if (!existsSync(path)) throw unavailable(`nobody answers on ${path}: there is no such socket`);
  const connection = connect(path);
  try {
    await connection.ready(timeoutMs);
  } catch (error) {
    connection.close();
    throw error;
  }
  const tasks = version === 3 ? connection.client(TaskV3) : (connection.client(TaskV2) as unknown as ServiceClient<typeof TaskV3>);
  return { tasks, closed: new Promise(() => undefined), close: () => connection.close() };
}
