/** Whether panels refresh periodically. */

import { createContext, useContext } from 'react'

export const Live = createContext(true)

export const useLive = (): boolean => useContext(Live)
