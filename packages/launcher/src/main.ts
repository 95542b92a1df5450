import { errorText } from '@gantry/rpc';
import { exitCodeOf, giveUp, readEnvironment } from '@gantry/service';
import { cleanup } from './cleanup';
import { runCommand } from './client/command';
import { commands } from './client/commands';
import { readEngineHost } from './config';
import { dockerd } from './dockerd/dockerd';
import { up } from './up';

const version = process.env['GANTRY_VERSION'] ?? '0.0.0';
const usage = `gantry ${version}: a container engine

usage: gantry up [flags]        run the engine (gantry up --help)
       gantry dockerd [flags]   run it in dockerd's place, told by dockerd's flags and daemon.json (gantry dockerd --help)
       gantry cleanup --root DIR --run DIR
                                end the containers of a stopped engine and remove all that it left on the machine
       gantry publish CONTAINER [[IP:][HOSTPORT]:]PORT[/PROTO]...
       gantry unpublish CONTAINER [[IP:][HOSTPORT]:]PORT[/PROTO]...
                                publish ports of a container that exists, or take them back (gantry publish --help)
       gantry mount CONTAINER SOURCE:PATH[:MODE]|type=TYPE,...
       gantry unmount CONTAINER PATH...
       gantry set-env CONTAINER NAME=VALUE...
       gantry unset-env CONTAINER NAME...
                                change mounts and environment of a container from its next start on (gantry mount --help)
       gantry exec-kill [--signal SIGNAL] EXEC...
                                send a signal to processes that docker exec started (gantry exec-kill --help)
       gantry --version
`;

async function main([verb, ...rest]: readonly string[]): Promise<void> {
  switch (verb) {
    case 'up':
      return up(rest, __dirname, version);
    case 'dockerd':
      return dockerd(rest, version);
    case 'cleanup':
      return cleanup(rest);
    case '--version':
      process.stdout.write(`gantry ${version}\n`);
      return;
    case '--help':
    case undefined:
      process.stdout.write(usage);
      return;
    default: {
      const command = commands.find(({ name }) => name === verb);
      if (command !== undefined) {
        process.exitCode = await runCommand(command, rest, readEngineHost());
        return;
      }
      process.stderr.write(`gantry: unknown command "${verb}"\n${usage}`);
      process.exitCode = 2;
    }
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`gantry: ${errorText(error)}\n`);
  void giveUp(exitCodeOf(error), readEnvironment());
});
