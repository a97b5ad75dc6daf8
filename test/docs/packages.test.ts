import { readFileSync } from 'node:fs'
import { expect } from 'chai'

interface Manifest {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

/** Packages that an installation for production has. A change that adds one says why in its commit, and raises this. */
const productionPackages = 122

describe('package.json', () => {
  const manifest: Manifest = JSON.parse(read('package.json'))

  it('names an exact version of every package', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).match(/^\d+\.\d+\.\d+$/)
    }
  })

  it(`brings ${productionPackages} packages into production, which may only become fewer`, () => {
    const { packages }: { packages: Record<string, { dev?: true }> } = JSON.parse(read('package-lock.json'))
    const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev)
    expect(shipped.length).equal(productionPackages)
  })

  it('runs no script of a package and takes no version that is younger than a week', () => {
    const settings = read('.npmrc').trim().split('\n')
    expect(settings).to.include.members(['ignore-scripts=true', 'min-release-age=7', 'save-exact=true'])
  })
})
