// SPDX-License-Identifier: MIT
/** Opening what the reader gave: images, and further devices of them. */
import { isErofsError } from "erofs-wasm"
import type { Jobs, Remedy } from "./jobs.js"
import type { OpenImage, Session } from "./session.js"
import { nameOf, type Origin } from "./sources.js"
import { counted, nameText } from "./words.js"

/**
 * Opens images one after the other; what cannot be opened is told. Files that are no images, given together with one
 * image that lacks just as many further devices, are taken for those. Answers what is open now; `onLate` is told of
 * an image that the reader wants to see in spite of a wrong checksum.
 */
export async function openAll(
  session: Session,
  jobs: Jobs,
  origins: readonly Origin[],
  onLate: (opened: OpenImage) => void,
): Promise<OpenImage[]> {
  const opened: OpenImage[] = []
  const others: { origin: Origin; error: unknown }[] = []
  for (const origin of origins) {
    const onForeign = (error: unknown) => others.push({ origin, error })
    const image = await openOne(session, jobs, origin, onForeign, onLate)
    if (image) opened.push(image)
  }
  const lacking = opened.filter(({ image, devices }) => image.devices.length > devices.length)
  const [only] = lacking
  if (only && lacking.length === 1 && only.image.devices.length === others.length) {
    const devices = inOrder(
      only,
      others.map(({ origin }) => origin),
    )
    const again = await attachDevices(session, jobs, only, devices)
    return opened.map((each) => (each === only ? (again ?? each) : each))
  }
  for (const { error } of others) jobs.fail(error)
  return opened
}

/** Opens an image again, with its further devices. */
export function attachDevices(
  session: Session,
  jobs: Jobs,
  opened: OpenImage,
  devices: readonly Origin[],
): Promise<OpenImage | undefined> {
  const title = `Attaching ${counted(devices.length, "device")} to ${nameText(opened.name)}`
  return jobs.run(title, ({ signal }) => session.attach(opened, devices, signal))
}

async function openOne(
  session: Session,
  jobs: Jobs,
  origin: Origin,
  onForeign: (error: unknown) => void,
  onLate: (opened: OpenImage) => void,
): Promise<OpenImage | undefined> {
  const open = (signal: AbortSignal, ignoreChecksum = false) =>
    session.open(origin, { signal, ignoreChecksum })
  const title = `Opening ${nameText(nameOf(origin))}`
  const insist = async () => {
    const opened = await jobs.run(title, ({ signal }) => open(signal, true))
    if (opened) onLate(opened)
  }
  const remedy = (error: unknown): Remedy | undefined =>
    isChecksumError(error) ? { label: "Open it all the same", act: () => void insist() } : undefined
  return jobs.run(
    title,
    async ({ signal }) => {
      try {
        return await open(signal)
      } catch (error) {
        if (!("file" in origin && isErofsError(error, "EINVAL"))) throw error
        onForeign(error)
        return undefined
      }
    },
    { remedy },
  )
}

/** Devices in the order of the image's table where their names are its tags, else as they were given. */
function inOrder({ image }: OpenImage, devices: readonly Origin[]): Origin[] {
  const named = image.devices.map(({ tag }) => devices.find((device) => nameOf(device) === tag))
  return named.every((device) => device !== undefined) ? named : [...devices]
}

function isChecksumError(error: unknown): boolean {
  return isErofsError(error, "EUCLEAN") && error.reason.startsWith("superblock checksum")
}
