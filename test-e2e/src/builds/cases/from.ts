import type { BuildCase } from '../case';

/** FROM, stages, targets, directives and comments. */
export const from: readonly BuildCase[] = [
  { name: 'FROM scratch with a file', rows: ['FROM'], dockerfile: 'FROM scratch\nCOPY a /\n', files: { a: 'A' } },
  {
    name: 'FROM an earlier stage by name',
    rows: ['FROM'],
    dockerfile: 'FROM busybox AS one\nENV A=1\nRUN echo one > /one\nFROM one\nENV B=2\nRUN cat /one > /two\n',
  },
  {
    name: 'stages that the target does not need are left out',
    rows: ['FROM'],
    dockerfile: 'FROM busybox AS bad\nRUN exit 9\nFROM busybox AS good\nRUN echo good > /good\nFROM bad\n',
    args: ['--target', 'good'],
  },
  {
    name: 'a stage by its number',
    rows: ['COPY --from'],
    dockerfile: 'FROM busybox\nRUN echo zero > /zero\nFROM scratch\nCOPY --from=0 /zero /\n',
  },
  {
    name: 'AS scratch is allowed',
    rows: ['FROM'],
    dockerfile: 'FROM busybox AS scratch\nRUN echo x > /x\nFROM scratch\nCOPY --from=0 /x /y\n',
  },
  {
    name: 'FROM --platform of the build',
    rows: ['FROM --platform', 'ARG BUILDPLATFORM'],
    dockerfile: 'FROM --platform=$BUILDPLATFORM busybox\nARG BUILDPLATFORM\nRUN echo $BUILDPLATFORM > /p\n',
  },
  {
    name: 'FROM with a variable',
    rows: ['ARG', 'FROM'],
    dockerfile: 'ARG base=busybox\nARG tag=latest\nFROM $base:${tag}\nRUN echo y > /y\n',
  },
  {
    name: 'FROM with a build argument',
    rows: ['ARG'],
    dockerfile: 'ARG base=nothing-of-the-kind\nFROM ${base}\nRUN echo z > /z\n',
    args: ['--build-arg', 'base=busybox'],
  },
  { name: 'an unknown target', rows: ['FROM'], dockerfile: 'FROM busybox AS a\n', args: ['--target', 'nope'], fails: true },
  { name: 'a file without FROM', rows: ['FROM'], dockerfile: 'RUN true\n', fails: true },
  { name: 'an empty file', rows: ['FROM'], dockerfile: '', fails: true },
  { name: 'only comments', rows: ['FROM'], dockerfile: '# nothing\n', fails: true },
  { name: 'an unknown instruction', rows: ['FROM'], dockerfile: 'FROM busybox\nRUNN true\n', fails: true },
  { name: 'an instruction that is far from all', rows: ['FROM'], dockerfile: 'FROM busybox\nSOMETHING else\n', fails: true },
  { name: 'FROM with too many words', rows: ['FROM'], dockerfile: 'FROM busybox OR scratch\n', fails: true },
  { name: 'a bad stage name', rows: ['FROM'], dockerfile: 'FROM busybox AS 1a\n', fails: true },
  { name: 'a stage that copies from itself', rows: ['COPY --from'], dockerfile: 'FROM busybox AS a\nCOPY --from=a /x /y\n', fails: true },
  {
    name: 'escape is a backtick',
    rows: ['(directive) escape'],
    dockerfile: '# escape=`\nFROM busybox\nRUN echo a`\n b > /ab\nENV P=C:\\x\n',
  },
  { name: 'a directive twice', rows: ['(directive) escape'], dockerfile: '# escape=`\n# escape=`\nFROM busybox\n', fails: true },
  { name: 'an unknown escape', rows: ['(directive) escape'], dockerfile: '# escape=x\nFROM busybox\n', fails: true },
  {
    name: 'a directive after a comment is a comment',
    rows: ['(directive) escape'],
    dockerfile: '# a comment\n# escape=`\nFROM busybox\nRUN echo a\\\n b > /ab\n',
  },
  {
    name: 'a syntax of the built-in frontend',
    rows: ['(directive) syntax', 'ARG BUILDKIT_SYNTAX'],
    dockerfile: '# syntax=docker/dockerfile:1.7\nFROM busybox\nRUN echo s > /s\n',
    newer: true,
  },
  {
    name: 'comments and blank lines between continued lines',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN echo a \\\n# between\n   b \\\n  > /ab\n',
  },
  { name: 'lower case instructions', rows: ['FROM'], dockerfile: 'from busybox\nrun echo l > /l\nenv a=b\n' },
  { name: 'windows line ends', rows: ['FROM'], dockerfile: 'FROM busybox\r\nRUN echo w > /w\r\nENV A=b\r\n' },
  { name: 'another Dockerfile', rows: ['FROM'], dockerfile: 'FROM busybox\nRUN echo o > /o\n', path: 'deploy/my.Dockerfile' },
  {
    name: 'a named context of a folder',
    rows: ['COPY --from'],
    dockerfile: 'FROM scratch\nCOPY --from=other file /\n',
    files: { 'more/file': 'of another context' },
    args: ['--build-context', 'other=%/more'],
  },
  {
    name: 'a named context in place of an image',
    rows: ['FROM'],
    dockerfile: 'FROM nothing-of-the-kind\nRUN echo n > /n\n',
    args: ['--build-context', 'nothing-of-the-kind=docker-image://busybox'],
  },
  {
    name: 'a context from git',
    rows: ['FROM'],
    dockerfile: 'FROM scratch\nCOPY --from=src sub/inner /\n',
    args: ['--build-context', 'src=git://127.0.0.1/repo.git#v1'],
  },
];
