import type { BuildCase } from '../case';

/** Instructions that change the image's config only. */
export const config: readonly BuildCase[] = [
  { name: 'CMD in both forms', rows: ['CMD'], dockerfile: 'FROM busybox AS a\nCMD ["echo", "x y"]\nFROM a\nCMD echo $HOME "a b"\n' },
  { name: 'CMD empty', rows: ['CMD'], dockerfile: 'FROM busybox\nCMD []\n' },
  {
    name: 'ENTRYPOINT resets the CMD of a parent',
    rows: ['ENTRYPOINT'],
    dockerfile: 'FROM busybox AS a\nCMD ["x"]\nFROM a\nENTRYPOINT ["/bin/echo"]\n',
  },
  {
    name: 'ENTRYPOINT after CMD of the same stage',
    rows: ['ENTRYPOINT', 'CMD'],
    dockerfile: 'FROM busybox\nCMD ["x"]\nENTRYPOINT echo shell\n',
  },
  { name: 'ENTRYPOINT empty', rows: ['ENTRYPOINT'], dockerfile: 'FROM busybox\nENTRYPOINT []\n' },
  { name: 'EXPOSE ports, protocols, ranges', rows: ['EXPOSE'], dockerfile: 'FROM busybox\nARG p=99\nEXPOSE 80 53/udp 8000-8002 $p/sctp\n' },
  { name: 'EXPOSE of no port', rows: ['EXPOSE'], dockerfile: 'FROM busybox\nEXPOSE http\n', fails: true },
  { name: 'EXPOSE of a port that is none', rows: ['EXPOSE'], dockerfile: 'FROM busybox\nEXPOSE 70000\n', fails: true },
  {
    name: 'HEALTHCHECK with all flags',
    rows: [
      'HEALTHCHECK',
      'HEALTHCHECK --interval',
      'HEALTHCHECK --timeout',
      'HEALTHCHECK --start-period',
      'HEALTHCHECK --start-interval',
      'HEALTHCHECK --retries',
    ],
    dockerfile: 'FROM busybox\nHEALTHCHECK --interval=1m30s --timeout=2s --start-period=3s --start-interval=1s --retries=4 CMD ["true"]\n',
  },
  { name: 'HEALTHCHECK NONE', rows: ['HEALTHCHECK'], dockerfile: 'FROM busybox\nHEALTHCHECK CMD true\nHEALTHCHECK NONE\n' },
  {
    name: 'HEALTHCHECK with a short interval',
    rows: ['HEALTHCHECK --interval'],
    dockerfile: 'FROM busybox\nHEALTHCHECK --interval=1us CMD true\n',
    fails: true,
  },
  {
    name: 'HEALTHCHECK with negative retries',
    rows: ['HEALTHCHECK --retries'],
    dockerfile: 'FROM busybox\nHEALTHCHECK --retries=-1 CMD true\n',
    fails: true,
  },
  { name: 'HEALTHCHECK of another kind', rows: ['HEALTHCHECK'], dockerfile: 'FROM busybox\nHEALTHCHECK HTTP /\n', fails: true },
  { name: 'LABEL many', rows: ['LABEL'], dockerfile: 'FROM busybox\nLABEL a=1 b="two words"\nLABEL a=3\nLABEL c old form\n' },
  {
    name: 'labels of the command line',
    rows: ['LABEL'],
    dockerfile: 'FROM busybox\nLABEL a=1\n',
    args: ['--label', 'a=2', '--label', 'z=9'],
  },
  { name: 'MAINTAINER', rows: ['MAINTAINER'], dockerfile: 'FROM busybox\nMAINTAINER A Person <a@example.org>\n' },
  { name: 'STOPSIGNAL', rows: ['STOPSIGNAL'], dockerfile: 'FROM busybox\nARG s=SIGQUIT\nSTOPSIGNAL $s\n' },
  { name: 'STOPSIGNAL that is none', rows: ['STOPSIGNAL'], dockerfile: 'FROM busybox\nSTOPSIGNAL SIGNOPE\n', fails: true },
  { name: 'SHELL', rows: ['SHELL'], dockerfile: 'FROM busybox\nSHELL ["/bin/sh", "-ec"]\nRUN echo sh > /sh\nCMD run me\n' },
  { name: 'SHELL in shell form', rows: ['SHELL'], dockerfile: 'FROM busybox\nSHELL /bin/sh -c\n', fails: true },
  {
    name: 'USER and who owns what comes',
    rows: ['USER'],
    dockerfile: 'FROM busybox\nUSER 1000:10\nWORKDIR /home/w\nRUN id > /tmp/id\nCOPY f /tmp/f\n',
    files: { f: 'f' },
  },
  { name: 'USER by name with a variable', rows: ['USER'], dockerfile: 'FROM busybox\nARG who=alice\nUSER $who\nRUN id > /tmp/id\n' },
  { name: 'USER of a name that is unknown', rows: ['USER'], dockerfile: 'FROM busybox\nUSER nobodyhere\nRUN id\n', fails: true },
  { name: 'USER with two words', rows: ['USER'], dockerfile: 'FROM busybox\nUSER a b\n' },
  {
    name: 'VOLUME in both forms',
    rows: ['VOLUME'],
    dockerfile: 'FROM busybox\nVOLUME ["/a b"]\nARG v=/v\nVOLUME $v /w\nRUN mkdir -p /v && echo kept > /v/kept\n',
  },
  { name: 'VOLUME empty', rows: ['VOLUME'], dockerfile: 'FROM busybox\nVOLUME [""]\n', fails: true },
  {
    name: 'WORKDIR steps',
    rows: ['WORKDIR'],
    dockerfile: 'FROM busybox\nENV d=deep\nWORKDIR /a\nWORKDIR b/$d\nRUN pwd > pwd\nWORKDIR ..\n',
  },
  { name: 'WORKDIR with dots', rows: ['WORKDIR'], dockerfile: 'FROM scratch\nWORKDIR /a/../b//c/\nCOPY f .\n', files: { f: 'f' } },
  {
    name: 'WORKDIR through a link',
    rows: ['WORKDIR'],
    dockerfile: 'FROM busybox\nRUN mkdir /real && ln -s /real /link\nWORKDIR /link/in\nRUN echo x > x\n',
  },
  {
    name: 'ONBUILD runs in the next stage',
    rows: ['ONBUILD'],
    dockerfile:
      'FROM busybox AS parent\nARG n=1\nONBUILD ENV made=$n\nONBUILD RUN echo on > /on\nONBUILD COPY f /f\nFROM parent\nRUN cat /on > /after\n',
    files: { f: 'f' },
  },
  {
    name: 'ONBUILD stands in the config',
    rows: ['ONBUILD'],
    dockerfile: 'FROM busybox\nONBUILD RUN echo  two   blanks\nONBUILD CMD ["x"]\n',
  },
  { name: 'ONBUILD ONBUILD', rows: ['ONBUILD'], dockerfile: 'FROM busybox\nONBUILD ONBUILD RUN x\n', fails: true },
  { name: 'ONBUILD FROM', rows: ['ONBUILD'], dockerfile: 'FROM busybox\nONBUILD FROM scratch\n', fails: true },
  { name: 'ONBUILD MAINTAINER', rows: ['ONBUILD'], dockerfile: 'FROM busybox\nONBUILD MAINTAINER x\n', fails: true },
  {
    name: 'history in the words of each instruction',
    rows: ['CMD'],
    dockerfile:
      'FROM busybox\nARG a=1\nENV b=2\nUSER 0\nWORKDIR /x\nEXPOSE 1\nVOLUME /y\nLABEL c=3\nSTOPSIGNAL 9\nSHELL ["/bin/sh","-c"]\nRUN true\nENTRYPOINT ["a"]\nCMD ["b"]\n',
  },
];
