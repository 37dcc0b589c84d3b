// SPDX-License-Identifier: MIT
/** The page: opens images, and leads from the tree to what is selected. */
import type { BigIntStats } from "erofs-wasm"
import { DetailsView } from "./details.js"
import { byId, h, icon } from "./dom.js"
import { lastName, saveFile, saveFolder } from "./download.js"
import { failureLine } from "./failure.js"
import { type Moment, note, onTravel, pathOfAddress } from "./history.js"
import { Jobs } from "./jobs.js"
import { attachDevices, openAll } from "./opening.js"
import { PoolView } from "./pool-view.js"
import { type Damage, readAll } from "./reading.js"
import { SAMPLES } from "./samples.js"
import { type OpenImage, type PoolSettings, Session } from "./session.js"
import type { Origin } from "./sources.js"
import { type Place, TreeView } from "./tree.js"
import { counted, nameText, sizeText } from "./words.js"

const session = await Session.create({ bytes: 64 << 20, sharing: ["content"] })
const jobs = new Jobs(byId("jobs"))
const tree = new TreeView(session, chosen, (opened) => void close(opened))
const details = new DetailsView(byId("details"), {
  select: (place) => void goTo(place),
  download: (place, stats) => void download(place, stats),
  check: ({ opened }) => void read([opened], 0),
  attach: ({ opened }) => void attach(opened),
  close: ({ opened }) => void close(opened),
})
const pool = new PoolView(byId("pool"), session, {
  readAll: (leastTime) => void read(session.images, leastTime),
  configure,
})
let selected: Place | undefined
let readings = 0
let changes = Promise.resolve()

byId("tree").append(tree.element)
session.addEventListener("change", changed)
wireOpening()
wireViews()
onTravel(travel)
changed()
document.body.inert = false
void openAddresses(new URLSearchParams(location.search).getAll("url"), pathOfAddress())

/** Opens images, and selects a path of the first of them. */
async function open(origins: readonly Origin[], path = "/"): Promise<void> {
  const show = async (opened: OpenImage) => {
    await goTo({ opened, path })
    tree.element.focus({ preventScroll: true })
  }
  const [first] = await openAll(session, jobs, origins, show)
  if (first) await show(first)
}

/** Opens images by their addresses, relative to this page. */
async function openAddresses(addresses: readonly string[], path?: string): Promise<void> {
  const origins: Origin[] = []
  for (const address of addresses) {
    const url = URL.parse(address, document.baseURI)
    if (url && /^https?:$/.test(url.protocol)) origins.push({ url })
    else jobs.fail(new Error(`'${address}' is no address of the web`))
  }
  await open(origins, path)
}

async function close(opened: OpenImage): Promise<void> {
  if (selected?.opened === opened) select(undefined)
  await jobs.run(`Closing ${nameText(opened.name)}`, () => session.close(opened))
  const [first] = session.images
  if (!selected && first) await goTo({ opened: first, path: "/" })
}

/** Asks for the further devices of an image and opens it again with them. */
async function attach(opened: OpenImage): Promise<void> {
  const files = await chooseFiles()
  if (files.length === 0) return
  const devices = files.map((file) => ({ file }))
  const again = await attachDevices(session, jobs, opened, devices)
  if (again) await goTo({ opened: again, path: "/" })
}

/** Puts another pool in the place of this one; one change after the other. */
function configure(settings: PoolSettings): void {
  const work = async () => {
    const place = selected
    pool.state = "changing"
    select(undefined)
    await jobs.run("Making another pool", ({ signal }) => session.configure(settings, signal))
    pool.state = "idle"
    const opened = session.images.find(({ id }) => id === place?.opened.id)
    if (!place || !opened) return
    select({ opened, path: place.path })
    await tree.show({ opened, path: place.path })
  }
  changes = changes.then(work)
}

/** Reads all files of images; says what is damaged. */
async function read(images: readonly OpenImage[], leastTime: number): Promise<void> {
  readings++
  pool.state = "reading"
  const title =
    images.length === 1 ? `Reading ${nameText((images[0] as OpenImage).name)}` : "Reading all files"
  const findings = await jobs.run(title, (job) => readAll(images, job, { leastTime }))
  readings--
  pool.state = readings > 0 ? "reading" : "idle"
  if (!findings) return
  const { files, bytes, damages } = findings
  if (damages.length === 0) jobs.say(`${counted(files, "file")}, ${sizeText(bytes)}: all of it could be read`)
  else showDamages(damages)
}

/** What could not be read, each with the way there. */
function showDamages(damages: readonly Damage[]): void {
  const list = byId("damage-list")
  list.replaceChildren(
    ...damages.map(({ opened, path, error }) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            click: () => {
              byId<HTMLDialogElement>("damages").close()
              void goTo({ opened, path })
            },
          },
          nameText(path),
        ),
        h("span", { class: "muted" }, failureLine(error)),
      ),
    ),
  )
  byId("damage-count").textContent =
    damages.length === 1 ? "One thing could not be read" : `${damages.length} things could not be read`
  byId<HTMLDialogElement>("damages").showModal()
}

/** Gives the browser a file, or a folder as tar. */
async function download(place: Place, stats: BigIntStats): Promise<void> {
  const title = `Downloading ${lastName(place.path) || nameText(place.opened.name)}`
  if (stats.isFile()) {
    const done = (saved: string) => `Downloaded ${saved}`
    await jobs.run(title, (job) => saveFile(place, stats, job), { done })
    return
  }
  const folder = await jobs.run(title, (job) => saveFolder(place, job))
  if (!folder) return
  jobs.say(`Downloaded ${folder.saved}`)
  if (folder.damages.length > 0) showDamages(folder.damages)
}

/** Shows a place, or nothing. */
function select(place: Place | undefined): void {
  selected = place
  document.title = place
    ? `${lastName(place.path) || nameText(place.opened.name)} · erofs-wasm`
    : "erofs-wasm"
  void details.show(place)
}

/** Shows a place that was chosen in the tree; where there is room for one part only, a leaf in place of the tree. */
function chosen(place: Place, isLeaf: boolean): void {
  select(place)
  if (isLeaf) view("details")
  noteMoment(isLeaf)
}

/** Shows a place that was chosen elsewhere, in the tree too. */
async function goTo(place: Place): Promise<void> {
  select(place)
  view("details")
  noteMoment(true)
  await tree.show(place)
}

/** Leads back to where the reader was, if that image is still open. */
function travel({ image, path, view: name }: Moment): void {
  const opened = session.images.find(({ id }) => id === image)
  view(name)
  if (!opened || (selected?.opened === opened && selected.path === path)) return
  select({ opened, path })
  void tree.show({ opened, path })
}

function noteMoment(isNew: boolean): void {
  const { opened, path } = selected ?? {}
  note({ image: opened?.id ?? 0, path: path ?? "/", view: document.body.dataset.view ?? "files" }, isNew)
}

function changed(): void {
  document.body.classList.toggle("has-images", session.images.length > 0)
  if (session.images.length === 0) view("files")
}

/** Which of the three parts is seen where there is room for one only. */
function view(name: string): void {
  document.body.dataset.view = name
  for (const button of document.querySelectorAll<HTMLElement>("#views button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === name))
  }
}

function wireViews(): void {
  byId("views").addEventListener("click", (event) => {
    const name = (event.target as Element).closest<HTMLElement>("[data-view]")?.dataset.view
    if (!name) return
    view(name)
    noteMoment(true)
  })
}

function wireOpening(): void {
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", async () => open((await chooseFiles()).map((file) => ({ file }))))
  }
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-address]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      const field = form.elements.namedItem("url") as HTMLInputElement
      if (field.value.trim() === "") return
      void openAddresses([field.value.trim()])
      field.value = ""
    })
  }
  byId("samples").append(
    ...SAMPLES.map(({ title, words, files }) =>
      h(
        "button",
        {
          type: "button",
          class: "sample",
          click: () => void openAddresses(files.map((file) => `samples/${file}`)),
        },
        h("strong", {}, title),
        h("span", { class: "muted" }, words),
        icon("chevron"),
      ),
    ),
  )
  wireDropping()
}

/** Files dropped anywhere on the page are opened. */
function wireDropping(): void {
  let depth = 0
  const mark = (change: number) => {
    depth = Math.max(0, depth + change)
    document.body.classList.toggle("is-dropping", depth > 0)
  }
  addEventListener("dragenter", () => mark(1))
  addEventListener("dragleave", () => mark(-1))
  addEventListener("dragover", (event) => event.preventDefault())
  addEventListener("drop", (event) => {
    event.preventDefault()
    mark(Number.NEGATIVE_INFINITY)
    void open([...(event.dataTransfer?.files ?? [])].map((file) => ({ file })))
  })
}

/** Lets the reader choose files; none if the dialog is closed. */
function chooseFiles(): Promise<File[]> {
  return new Promise((resolve) => {
    const input = byId<HTMLInputElement>("file-input")
    input.value = ""
    input.onchange = () => resolve([...(input.files ?? [])])
    input.oncancel = () => resolve([])
    input.click()
  })
}
