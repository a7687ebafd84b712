// Quick rules only: correctness, hooks, and which folder may import which.
import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import ts from 'typescript-eslint'

const forbid = (group, message) => ({
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] },
})

export default ts.config(
    { ignores: ['node_modules', 'src/api/schema.d.ts', 'public'] },
    js.configs.recommended,
    ...ts.configs.strict,
    {
        plugins: { 'react-hooks': hooks },
        rules: {
            'react-hooks/rules-of-hooks': 'error',
            'react-hooks/exhaustive-deps': 'error',
            'max-lines': ['error', 300],
            '@typescript-eslint/no-invalid-void-type': 'off',
        },
    },
    {
        files: ['src/features/**'],
        ...forbid(
            ['@/features/**', '@/routes/**', '../**'],
            'A feature imports its own files with ./ and shared ones from @/{api,ui,graph,charts,lib}.',
        ),
    },
    {
        files: ['src/{api,ui,graph,charts,lib}/**'],
        ...forbid(
            ['@/features/**', '@/routes/**'],
            'What is shared knows no feature and no route.',
        ),
    },
)
